"""What is rejected before TFX loads, and which folders pods use."""

import pytest

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.kubeflow.compiler import plan, pod_paths
from tfx_distill.trainer.errors import ConfigError

IMAGE = "registry.example.org/tfx-distill:1.0"
DATA = "kubeflow.volumes.data={claim: distill-data}"
SERVING = "kubeflow.volumes.serving={claim: models, path: /models}"


def _make(*overrides, image=IMAGE, target="kfp"):
    return plan.make(load_config("smoke", overrides), image, target)


def test_folders_lie_on_the_volumes():
    found = _make(DATA, SERVING, "tuning={}").pod_paths
    assert found.config.data.data_dir == "/data/tfds"
    assert found.config.pusher.directory == "/models/smoke-digits"
    assert found.config.tuning.directory == "/data/tuning"
    assert found.volumes == {"/data": "pvc://distill-data", "/models": "pvc://models"}
    assert found.mounted["Pusher"] == [("models", "/models")]
    assert found.notes == []


def test_without_a_volume_folders_are_lost_with_the_pod_and_that_is_said():
    found = _make(
        "data.dataset=mnist", "metadata.connection={mysql: {host: h}}"
    ).pod_paths
    assert found.config.data.data_dir == "/tmp/distill/tfds"
    first, second, third = found.notes
    assert "each run prepares mnist again" in first
    assert "no model server sees it" in second
    assert "metadata.connection applies only to local runs" in third


def test_a_folder_that_is_on_a_volume_stays():
    found = _make(DATA, "data.data_dir=/data/sets", "data.manual_dir=/data/files/")
    assert found.pod_paths.config.data.data_dir == "/data/sets"
    assert found.pod_paths.config.data.manual_dir == "/data/files"


def test_images_lie_on_the_volume_for_data():
    found = _make(DATA, "data.images=/data/photos").pod_paths
    assert found.config.data.images == "/data/photos"
    assert found.config.pipeline_name == "smoke-photos"
    assert found.mounted["ImageExampleGen"] == [("distill-data", "/data")]


def test_images_without_labels_lie_there_too():
    photos = [DATA, "data.images=/data/photos"]
    found = _make(*photos, "data.splits.unlabelled=/data/more/").pod_paths
    assert found.config.data.splits.unlabelled == "/data/more"
    with pytest.raises(ConfigError, match="data.splits.unlabelled: more is a folder"):
        _make(*photos, "data.splits.unlabelled=more")


def test_the_variable_for_original_files_speaks_of_this_machine(monkeypatch):
    monkeypatch.setenv("DISTILL_MANUAL_DIR", "/here/alone")
    assert _make().pod_paths.config.data.manual_dir is None


def test_a_path_that_begins_as_another_is_apart_from_it():
    other = "kubeflow.volumes.serving={claim: models, path: /data-other}"
    assert _make(DATA, other).pod_paths.config.pusher.directory.startswith(
        "/data-other"
    )


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (
            ["data.data_dir=/home/me"],
            "data.data_dir: /home/me is a folder of this machine",
        ),
        ([DATA, "data.data_dir=/database"], "Set it to a folder in /data"),
        ([DATA, "data.data_dir=/data-other/x"], "Set it to a folder in /data"),
        ([DATA, "data.manual_dir=/data-other"], "Set it to a folder in /data"),
        ([DATA, "data.images=/data.old/photos"], "Set it to a folder in /data"),
        ([SERVING, "pusher.directory=/models2"], "Set it to a folder in /models"),
        ([DATA, "data.data_dir=/data/../x"], "Set it to a folder in /data"),
        (["data.manual_dir=files"], "with kubeflow.volumes.data.claim"),
        (["data.images=photos"], "with kubeflow.volumes.data.claim."),
        (["pusher.directory=/models"], "--set pusher.directory=null"),
        (
            ["tuning={directory: /t}"],
            "tuning.directory: /t is a folder of this machine",
        ),
        (
            [DATA, "kubeflow.volumes.serving={claim: c, path: /data/x}"],
            "contains the other",
        ),
        (["hyperparameters=12"], "give its URI"),
        (["hyperparameters=best.yaml"], "give its URI"),
        (["beam.args=[--password=x]"], "beam.args: --password holds a secret"),
        (["kubeflow.parameters=[gate.min_accuracy]"], "compile with --set instead"),
        (["kubeflow.parameters=[student.model]"], "not an architecture"),
        (["kubeflow.parameters=[student.seed]", "seeds=2"], "of which there are 2"),
        (["kubeflow.parameters=[distillation.temperature_end]"], "that is set"),
        (["kubeflow.parameters=[assistant.epochs]"], "that is set"),
    ],
)
def test_what_no_pod_has_is_refused_with_the_alternative(overrides, message):
    with pytest.raises(ConfigError) as refusal:
        _make(*overrides)
    assert message in str(refusal.value)
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (None, "Give --image, or set kubeflow.image"),
        ("Registry/Image:1", "is invalid"),
        ("name:tag:tag", "is invalid"),
        ("registry.example.org:5000/tfx-distill", "no tag of its own"),
        ("tfx-distill:latest", "no tag of its own"),
    ],
)
def test_a_wrong_image_is_refused(image, message):
    with pytest.raises(ConfigError, match=message):
        _make(image=image)


@pytest.mark.parametrize(
    "image", [IMAGE, "localhost:5000/a/b_c:1", f"name@sha256:{'0' * 64}"]
)
def test_other_images_are_taken(image):
    assert _make(image=image).image == image


def test_hyperparameters_in_an_object_store_are_imported():
    found = _make("hyperparameters=s3://bucket/best").pod_paths
    assert found.hyperparameters_uri == "s3://bucket/best"


def test_vertex_has_no_volumes_and_wants_a_bucket():
    root = "kubeflow.pipeline_root=gs://bucket/root"
    assert _make(root, target="vertex").target == "vertex"
    with pytest.raises(ConfigError, match="none of kubeflow.volumes"):
        _make(root, DATA, target="vertex")
    with pytest.raises(ConfigError, match="--set kubeflow.pipeline_root=gs://"):
        _make("kubeflow.pipeline_root=s3://b", target="vertex")


def test_what_serves_is_looked_for_where_there_is_a_volume():
    assert _make(SERVING).values["served_model"] == "latest"
    assert _make().values["served_model"] == ""


def test_scratch_is_writable_in_a_pod():
    # The image's root is read-only except for /tmp.
    assert pod_paths.SCRATCH_DIR.startswith("/tmp/")


def test_a_secret_that_pods_do_not_get_is_refused():
    registry = ["registry.url=http://registry", "registry.token=env:TOKEN"]
    secret = "kubeflow.secrets=[{name: registry, key: token, env: TOKEN}]"
    assert _make(*registry, secret).config.registry.token == "env:TOKEN"
    with pytest.raises(
        ConfigError, match="registry.token refers to env:TOKEN, which p"
    ):
        _make(*registry)
    mounted = "kubeflow.secrets=[{name: registry, path: /secrets}]"
    registry[1] = "registry.token=file:/secrets/token"
    assert _make(*registry, mounted)
    with pytest.raises(
        ConfigError, match="file:/secrets/token, which pods do not have"
    ):
        _make(*registry, secret)


def test_attempts_that_no_driver_counts_are_refused():
    with pytest.raises(ConfigError, match="gate.attempts is corrected: a driver"):
        _make("gate.attempts=corrected")

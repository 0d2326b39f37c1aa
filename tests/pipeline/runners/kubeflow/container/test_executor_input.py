"""What the launcher gives, as TFX takes it, and back: no path of a pod gets out."""

import copy
import hashlib
import json
import math

import pytest

from tfx_distill.pipeline.runners.kubeflow.container.executor_input import ExecutorInput
from tfx_distill.pipeline.runners.kubeflow.container.mounts import Mounts
from tfx_distill.trainer.errors import DistillError

MODEL = {"instanceSchema": "title: tfx.Model\ntype: object\n"}
SPEC = {
    "artifacts": {"model": {"artifactType": MODEL}},
    "parameters": {
        "student": {"parameterType": "STRING"},
        "student__epochs": {"parameterType": "NUMBER_INTEGER"},
        "flag": {"parameterType": "NUMBER_INTEGER"},
    },
}
SCHEMES = [("minio://", "minio"), ("s3://", "s3"), ("gs://", "gcs")]


def _outputs(scheme):
    return {
        "artifacts": {
            "result": {
                "artifacts": [
                    {"name": "result", "uri": f"{scheme}bucket/run/Use/result",
                     "type": MODEL}
                ]
            },
            "number": {
                "artifacts": [
                    {"name": "number", "uri": f"{scheme}bucket/run/Use/number",
                     "type": {"instanceSchema": "title: tfx.Float\n"}}
                ]
            },
            "executor-logs": {
                "artifacts": [
                    {"name": "executor-logs", "uri": f"{scheme}bucket/run/Use/logs",
                     "type": {"schemaTitle": "system.Artifact"}}
                ]
            },
        },
        "outputFile": "/tmp/kfp_outputs/output_metadata.json",
    }  # fmt: skip


def _given(scheme="minio://"):
    """As the driver writes it, and Go's encoder: an input with an empty type."""
    return {
        "inputs": {
            "artifacts": {
                "model": {
                    "artifacts": [
                        {
                            "name": "7",
                            "uri": f"{scheme}bucket/run/Make/model",
                            "type": {"instanceSchema": ""},
                            "metadata": {
                                "display_name": "model",
                                "store_session_info": "{}",
                                "names": {"list": ["a", "b"]},
                                "sizes": {"struct": {"a": 1}},
                                "list": {"a": 1},
                            },
                        }
                    ]
                }
            },
            "parameterValues": {
                "student": '{"batch_size": 64, "epochs": 12}',
                "student__epochs": 3.0,
                "data": '{"data_dir": "/data/tfds", "other": "/database"}',
            },
        },
        "outputs": _outputs(scheme),
    }


def _task(given=None, root="/", volumes=()):
    return ExecutorInput(given or _given(), SPEC, Mounts(root, dict(volumes)))


def _artifact(part, key):
    return part["artifacts"][key]["artifacts"][0]


@pytest.mark.parametrize(("scheme", "folder"), SCHEMES)
def test_uris_become_the_folders_that_the_launcher_fills(scheme, folder):
    result = _task(_given(scheme)).for_tfx()
    assert (
        _artifact(result["inputs"], "model")["uri"]
        == f"/{folder}/bucket/run/Make/model"
    )
    assert (
        _artifact(result["outputs"], "result")["uri"]
        == f"/{folder}/bucket/run/Use/result"
    )


@pytest.mark.parametrize(
    "kind",
    [
        {"instanceSchema": ""},
        {},
        {"schemaTitle": "title: tfx.Model\ntype: object\n"},  # as without ML Metadata
        MODEL,
    ],
)
def test_types_are_those_that_were_compiled_whatever_the_server_says(kind):
    given = _given()
    _artifact(given["inputs"], "model")["type"] = kind
    assert _artifact(_task(given).for_tfx()["inputs"], "model")["type"] == MODEL


def test_the_logs_are_no_output_of_the_executor():
    assert set(_task().for_tfx()["outputs"]["artifacts"]) == {"result", "number"}


def test_metadata_is_what_the_executor_wrote():
    metadata = _artifact(_task().for_tfx()["inputs"], "model")["metadata"]
    expected = {"names": ["a", "b"], "sizes": {"a": 1}, "list": {"a": 1}}
    remote = {"remote_uri": "minio://bucket/run/Make/model"}
    assert metadata == expected | remote


def test_uris_in_metadata_are_paths_as_executors_know_them():
    given = _given()
    artifact = _artifact(given["inputs"], "model")
    artifact["metadata"] = {"current_model": artifact["uri"]}
    result = _artifact(_task(given).for_tfx()["inputs"], "model")
    assert result["metadata"]["current_model"] == result["uri"]


def test_a_version_in_an_object_store_stays_where_servers_see_it():
    given = _given()
    metadata = {"pushed_destination": "s3://bucket/models/7"}
    _artifact(given["inputs"], "model")["metadata"] = metadata
    found = _artifact(_task(given).for_tfx()["inputs"], "model")["metadata"]
    assert found["pushed_destination"] == metadata["pushed_destination"]


@pytest.mark.parametrize(
    ("versions", "expected"),
    [([], ""), (["9", "10", ".staging-11"], "/serving/digits/10")],
)
def test_the_latest_model_is_the_newest_version_on_the_volume(
    tmp_path, versions, expected
):
    for version in versions:
        (tmp_path / "serving/digits" / version).mkdir(parents=True)
    given = _given()
    given["inputs"]["parameterValues"] = {"served_model": "latest"}
    mounts = Mounts(str(tmp_path), {"/serving": "pvc://models"})
    task = ExecutorInput(given, SPEC, mounts, "/serving/digits")
    values = task.for_tfx()["inputs"]["parameterValues"]
    assert values["served_model_uri"] == (expected and f"{tmp_path}{expected}")


def test_a_path_of_the_servers_own_choice_is_used():
    given = _given()
    _artifact(given["inputs"], "model")["customPath"] = "/kfp-workspace/model"
    result = _task(given).for_tfx()
    assert _artifact(result["inputs"], "model")["uri"] == "/kfp-workspace/model"


def test_what_a_run_sets_is_put_into_its_section():
    values = _task().for_tfx()["inputs"]["parameterValues"]
    assert values["student"] == '{"batch_size": 64, "epochs": 3}'
    assert "student__epochs" not in values


def test_what_came_is_left_as_it_came():
    given = _given()
    task = _task(given, root="/x", volumes={"/data": "pvc://c"})
    before = copy.deepcopy(given)
    task.for_tfx()
    task.for_launcher({"artifacts": copy.deepcopy(given["outputs"]["artifacts"])})
    assert given == before


def test_volumes_lie_under_the_root_of_a_rehearsal():
    task = _task(root="/srv/root", volumes={"/data": "pvc://claim"})
    values = json.loads(task.for_tfx()["inputs"]["parameterValues"]["data"])
    assert values == {"data_dir": "/srv/root/data/tfds", "other": "/database"}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("/tmp/kfp_outputs/output_metadata.json",) * 2,  # to 2.14
        ("/minio/b/run/Use/uuid/output_metadata.json",) * 2,  # from 2.15
        (
            "gs://b/run/executor_output.json",
            "/gcs/b/run/executor_output.json",
        ),  # Vertex
    ],
)
def test_output_goes_where_each_version_expects_it(given, expected):
    changed = _given()
    changed["outputs"]["outputFile"] = given
    assert _task(changed).output_file == expected


def test_folders_are_made_for_outputs_and_parents_for_values(tmp_path):
    _task(root=str(tmp_path)).make_folders()
    assert (tmp_path / "minio/bucket/run/Use/result").is_dir()
    assert not (tmp_path / "minio/bucket/run/Use/number").exists()
    assert not (tmp_path / "minio/bucket/run/Use/logs").exists()


def _written(**metadata):
    return {
        "artifacts": {
            "result": {
                "artifacts": [
                    {"uri": "/minio/bucket/run/Use/result", "metadata": metadata}
                ]
            }
        },
        "parameterValues": {"x": 1},
    }


def _back(task, **metadata):
    return _artifact(task.for_launcher(_written(**metadata)), "result")


@pytest.mark.parametrize(("scheme", "folder"), SCHEMES)
def test_the_launcher_gets_back_its_own_uris(scheme, folder):
    task = _task(_given(scheme))
    own = f"/{folder}/bucket/run/Use/result/x"
    other = f"/{folder}/bucket/run/Make/model"
    artifact = _back(task, own=own, baseline=other, text=f"see {other}, please")
    assert artifact["uri"] == f"{scheme}bucket/run/Use/result"
    assert artifact["metadata"] == {
        "own": f"{scheme}bucket/run/Use/result/x",
        "baseline": f"{scheme}bucket/run/Make/model",
        "text": f"see {scheme}bucket/run/Make/model, please",
    }


def test_values_in_json_texts_are_rewritten_too():
    text = json.dumps({"model": "/minio/bucket/run/Make/model"})
    metadata = _back(_task(), text=text)["metadata"]
    assert metadata["text"] == '{"model": "minio://bucket/run/Make/model"}'


def test_an_id_that_tfx_made_up_is_the_servers_again():
    # TFX hashes names to whole numbers, which a double does not even hold.
    digest = float(int(hashlib.sha256(b"7").hexdigest(), 16) % (1 << 63))
    written = {"a": digest, "b": int(digest), "other": float(2**60), "blessed": 1}
    metadata = _back(_task(), **written)["metadata"]
    assert metadata == {"a": "7", "b": "7", "other": float(2**60), "blessed": 1}


def test_artifacts_of_one_name_are_told_apart_by_their_ids():
    # Without ML Metadata, a name is an output's key: `model` of teacher and student.
    given = _given()
    model = _artifact(given["inputs"], "model")
    inputs = given["inputs"]["artifacts"]
    for key, id_ in (("model", "id-1"), ("baseline", "id-2")):
        own = {**model, "name": "model", "artifactId": id_}
        inputs[key] = {"artifacts": [own]}
    task = _task(given)
    names = [_artifact(task.for_tfx()["inputs"], key)["name"] for key in inputs]
    assert names == ["id-1", "id-2"]
    number = float(int(hashlib.sha256(b"id-2").hexdigest(), 16) % (1 << 63))
    assert _back(task, baseline=number)["metadata"] == {"baseline": "id-2"}


def test_null_is_left_out_and_numbers_stay():
    assert _back(_task(), nothing=None, number=1.0)["metadata"] == {"number": 1.0}


def test_a_folder_on_a_volume_is_named_by_its_claim():
    volumes = {"/serving": "pvc://models", "/tmp/distill": ""}
    for root in ("/", "/srv/root"):
        task = _task(root=root, volumes=volumes)
        path = ("" if root == "/" else root) + "/serving/digits/17"
        assert _back(task, at=path)["metadata"]["at"] == "pvc://models/digits/17"


def test_a_folder_that_is_lost_with_the_pod_is_the_artifact_itself():
    task = _task(volumes={"/tmp/distill": ""})
    metadata = _back(task, at="/tmp/distill/digits/17")["metadata"]
    assert metadata["at"] == "minio://bucket/run/Use/result"


def test_parameters_go_back_as_they_are():
    assert _task().for_launcher(_written())["parameterValues"] == {"x": 1}


@pytest.mark.parametrize("value", [math.nan, {"low": [0.1, math.inf]}])
def test_a_number_that_is_not_finite_names_its_property(value):
    written = {"artifacts": {"result": {"artifacts": [{"metadata": {"loss": value}}]}}}
    with pytest.raises(DistillError, match="property loss of the output result is"):
        _task().for_launcher(written)


def _linked(root, target):
    """A written output `result` with a link to `target`."""
    folder = root / "minio/bucket/run/Use/result"
    (folder / "real").mkdir(parents=True)
    (folder / "real/weights").write_text("1")
    (folder / "link").symlink_to(target)
    return {"artifacts": {"result": {"artifacts": [{}]}}}


@pytest.mark.parametrize("target", ["real", "nowhere"])
def test_a_link_that_cannot_be_uploaded_is_named(tmp_path, target):
    written = _linked(tmp_path, target)
    with pytest.raises(DistillError, match=f"result has a link, link to {target}, "):
        _task(root=str(tmp_path)).for_launcher(written)


def test_a_link_to_a_file_is_uploaded_as_the_file(tmp_path):
    assert _task(root=str(tmp_path)).for_launcher(_linked(tmp_path, "real/weights"))

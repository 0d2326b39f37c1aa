"""A pushed student is registered once, whole, and a registry that fails is told of."""

import json
import pathlib

import pytest
import registry_stub
from tfx.types import standard_artifacts

from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.components.model_registration.executor import Executor
from tfx_distill.components.servability_validator.servability import (
    Measurement,
    Servability,
)
from tfx_distill.trainer.config.registry_config import RegistryConfig
from tfx_distill.trainer.errors import ConfigError, DistillError

RUN = "20260301-120000"


@pytest.fixture
def server():
    with registry_stub.running() as server:
        yield server
    assert server.registry.wrong == []


@pytest.fixture
def inputs(tmp_path):
    """What the gates and the Pusher leave of a pushed student."""
    pushed = standard_artifacts.PushedModel()
    pushed.uri, pushed.name = str(tmp_path / "pushed"), f"mnist:{RUN}:Pusher:p:0"
    pushed.set_int_custom_property("pushed", 1)
    pushed.set_string_custom_property("pushed_version", "1795629779")
    pushed.set_string_custom_property("pushed_destination", str(tmp_path / "s" / "1"))
    pushed.set_string_custom_property("model_digest", "abc")
    blessing, servable = (
        standard_artifacts.ModelBlessing(),
        standard_artifacts.InfraBlessing(),
    )
    blessing.uri, servable.uri = str(tmp_path / "blessing"), str(tmp_path / "infra")
    student = {"overall": {"accuracy": 0.975}}
    for folder, decision in (
        ("blessing", Verdict(blessed=True, reasons=(), student=student, agreement=0.5)),
        ("infra", Servability(blessed=True, reasons=(), student=Measurement(bytes=9))),
    ):
        (tmp_path / folder).mkdir()
        decision.save(str(tmp_path / folder))
    return {
        "pushed_model": [pushed],
        "model_blessing": [blessing],
        "infra_blessing": [servable],
    }


@pytest.fixture
def register(server, inputs):
    """A function that runs the executor, with further keys of the configuration."""

    def run(**config):
        values = {"url": server.url, "model": "mnist", **config}
        Executor().Do(inputs, {}, {"registry": RegistryConfig(**values).to_json()})

    return run


def _one(server, kind):
    (found,) = server.registry.kinds[kind]
    return found


def test_a_version_is_registered_with_its_uri_metrics_and_lineage(
    register, server, tmp_path
):
    register()
    version, artifact = _one(server, "model_version"), _one(server, "model_artifact")
    assert _one(server, "registered_model")["name"] == "mnist"
    assert version["name"] == "1795629779"
    assert artifact["uri"] == (tmp_path / "s" / "1").as_uri()
    assert artifact["modelSourceId"] == RUN
    properties = {
        name: next(v for key, v in value.items() if key != "metadataType")
        for name, value in version["customProperties"].items()
    }
    assert properties == {
        "accuracy": 0.975, "agreement": 0.5, "num_test_examples": 0.0,
        "size_bytes": 9.0, "model_digest": "abc", "run": RUN,
        "artifact_uri": str(tmp_path / "pushed"),
    }  # fmt: skip


def test_registering_a_version_again_finds_it(register, server):
    register()
    posts = server.registry.posts
    register()
    assert server.registry.posts == posts
    assert _one(server, "model_version")


def test_what_was_registered_half_is_completed(register, server):
    register()
    server.registry.kinds["model_artifact"].clear()
    register()
    assert _one(server, "model_artifact") and _one(server, "model_version")


def test_a_later_version_belongs_to_the_same_model(register, server, inputs):
    register()
    pushed = inputs["pushed_model"][0]
    pushed.set_string_custom_property("pushed_version", "1795629780")
    register()
    assert _one(server, "registered_model")
    parents = {v["registeredModelId"] for v in server.registry.kinds["model_version"]}
    assert parents == {_one(server, "registered_model")["id"]}


def test_a_version_of_another_place_is_not_taken_for_this_one(register, inputs):
    register()
    pushed = inputs["pushed_model"][0]
    pushed.set_string_custom_property("pushed_destination", "/elsewhere/1")
    with pytest.raises(
        DistillError, match="registered with the URI .*s/1, expected fi"
    ):
        register()


def test_a_refused_student_is_not_registered(register, server, inputs, caplog):
    inputs["pushed_model"][0].set_int_custom_property("pushed", 0)
    with caplog.at_level("INFO"):
        register()
    assert server.registry.posts == 0
    assert "Nothing was pushed, so nothing is registered" in caplog.text


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "answered 500: database is locked"), (401, "refused the token"),
     (302, "answered 302")],
)  # fmt: skip
def test_a_failure_says_that_the_push_stays(register, server, status, said):
    server.registry.answers = [status]
    with pytest.raises(DistillError) as caught:
        register()
    text = str(caught.value)
    assert text.startswith("Version 1795629779 is pushed to file:///")
    assert "and not registered: The model registry http" in text and said in text
    assert text.endswith("To register it, run the same again.")


def test_a_registry_that_starts_up_is_asked_again(register, server):
    server.registry.answers = [503, 502]
    register()
    assert _one(server, "model_artifact")


def test_no_registry_is_told_with_the_push(register, server):
    with pytest.raises(
        DistillError, match=r"is pushed .*cannot be reached \(connection"
    ):
        register(url="http://127.0.0.1:1")


@pytest.mark.parametrize("place", ["env", "file"])
def test_the_token_is_sent_and_nowhere_in_the_record(
    register, server, tmp_path, monkeypatch, place
):
    monkeypatch.setenv("REGISTRY_TOKEN", "s3cret")
    (tmp_path / "token").write_text("s3cret\n")
    places = {"env": "env:REGISTRY_TOKEN", "file": f"file:{tmp_path}/token"}
    register(token=places[place])
    assert server.registry.tokens == {"Bearer s3cret"}
    recorded = json.dumps(server.registry.kinds)
    assert "s3cret" not in recorded + RegistryConfig(token=places[place]).to_json()


def test_a_token_itself_is_no_reference():
    with pytest.raises(ConfigError, match=r"registry\.token must be env:NAME or file:"):
        RegistryConfig(token="s3cret")


def test_on_kubeflow_the_uri_is_that_of_the_volume_or_the_object_store(
    register, server, inputs, tmp_path
):
    pushed = inputs["pushed_model"][0]
    remote = "s3://b/root/mnist/run-7/Pusher/uuid/pushed_model"
    pushed.set_string_custom_property("remote_uri", remote)
    pushed.set_string_custom_property("pushed_destination", pushed.uri)
    register()
    artifact = _one(server, "model_artifact")
    assert (artifact["uri"], artifact["modelSourceId"]) == (remote, "run-7")
    pushed.set_string_custom_property("pushed_destination", "pvc://claim/mnist/9")
    pushed.set_string_custom_property("pushed_version", "9")
    register()
    assert server.registry.kinds["model_artifact"][1]["uri"] == "pvc://claim/mnist/9"


def test_a_version_names_its_data_and_libraries(register, server, inputs, tmp_path):
    card = pathlib.Path(inputs["pushed_model"][0].uri, "assets.extra/model_card.json")
    card.parent.mkdir(parents=True)
    spec = {
        "dataset": "mnist",
        "version": "3.0.1",
        "image_shape": [28, 28, 1],
        "class_names": ["0"],
        "num_examples": {"train": 1},
        "fingerprint": "f00",
    }
    card.write_text(json.dumps({
        "role": "student", "spec": spec, "num_parameters": 1, "config": {},
        "history": {}, "seconds": 1.0, "versions": {"tensorflow": "2.16.2"},
    }))  # fmt: skip
    register()
    properties = _one(server, "model_artifact")["customProperties"]
    found = {
        name: properties[name]["string_value"]
        for name in ("dataset", "data_fingerprint", "tensorflow_version")
    }
    assert found == {"dataset": "mnist", "data_fingerprint": "f00",
                     "tensorflow_version": "2.16.2"}  # fmt: skip

"""An earlier version becomes the newest again, with a record, or nothing changes."""

import json
import os
import pathlib

import ml_metadata
import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import store_connection
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.pipeline.serving import rollback
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.export import saved_model_files

PIPELINE = "smoke-digits"


@pytest.fixture
def config(tmp_path):
    config = load_config("smoke", [f"pipeline.root={tmp_path}"])
    config.pipeline_dir.mkdir()
    return config


@pytest.fixture
def store(config):
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    type_id = store.put_context_type(pb.ContextType(name="pipeline"))
    store.put_contexts([pb.Context(type_id=type_id, name=PIPELINE)])
    return store


@pytest.fixture
def push(config, store):
    """A function that pushes a content as a version, as a run would."""

    def run(version, content, blessed=1, digest=True):
        folder = config.serving_dir / str(version)
        archive = config.artifacts_dir / str(version)
        for place in (folder, archive):
            (place / "assets.extra").mkdir(parents=True)
            (place / "saved_model.pb").write_text(content)
        (folder / "assets.extra" / "model_card.json").write_text("card")
        texts = {"pushed_version": str(version), "pushed_destination": str(folder)}
        if digest:
            texts["model_digest"] = saved_model_files.content_digest(str(folder))
        pushed = _artifact(store, "PushedModel", {"pushed": 1}, texts, str(archive))
        blessing = _artifact(store, "ModelBlessing", {"blessed": blessed}, {}, "")
        type_id = store.put_execution_type(pb.ExecutionType(name="Pusher"))
        (execution,) = store.put_executions([pb.Execution(type_id=type_id)])
        for artifact, kind, key in (
            (blessing, pb.Event.INPUT, "model_blessing"),
            (pushed, pb.Event.OUTPUT, "pushed_model"),
        ):
            event = pb.Event(artifact_id=artifact, execution_id=execution, type=kind)
            event.path.steps.add().key = key
            store.put_events([event])
        return pushed

    return run


def _artifact(store, kind, numbers, texts, uri):
    type_id = store.put_artifact_type(pb.ArtifactType(name=kind))
    artifact = pb.Artifact(type_id=type_id, uri=uri)
    for name, number in numbers.items():
        artifact.custom_properties[name].int_value = number
    for name, text in texts.items():
        artifact.custom_properties[name].string_value = text
    return store.put_artifacts([artifact])[0]


def _served(config):
    names = (name for name in os.listdir(config.serving_dir) if name.isdigit())
    return {
        int(n): (config.serving_dir / n / "saved_model.pb").read_text() for n in names
    }


def _back(config, version=None, reason="it errs", by="ada"):
    return rollback.roll_back(config, version, reason=reason, by=by)


def test_the_one_before_the_newest_comes_back_under_a_higher_number(config, push):
    push(1, "old"), push(2, "new")
    done = _back(config)
    assert (done.rolled_back_to, done.rolled_back_from) == (1, 2)
    assert _served(config) == {1: "old", 2: "new", done.version: "old"}
    assert done.version > 2
    card = pathlib.Path(done.pushed, "assets.extra", "model_card.json")
    assert card.read_text() == "card"


def test_any_earlier_version_comes_back(config, push):
    push(1, "oldest"), push(2, "old"), push(3, "new")
    version = _back(config, 1).version
    assert _served(config)[version] == "oldest"


def test_who_and_why_are_recorded_with_what_it_came_from(config, store, push):
    old = push(1, "old")
    push(2, "new")
    done = _back(config)
    (execution,) = store.get_executions_by_type("distill_rollback")
    written = execution.custom_properties
    assert written["rolled_back_by"].string_value == "ada"
    assert written["reason"].string_value == "it errs"
    assert execution.last_known_state == pb.Execution.COMPLETE
    (context,) = store.get_contexts_by_execution(execution.id)
    assert (context.type, context.name) == ("pipeline", PIPELINE)
    graph = Store(store).around_execution(execution.id)
    ((key, read),) = graph.inputs(execution.id)
    assert (key, read.id) == ("pushed_model", old)
    ((key, new),) = graph.outputs(execution.id)
    assert (key, new.properties["pushed"]) == ("pushed_model", 1)
    assert new.properties["pushed_version"] == str(done.version)
    assert new.properties["rolled_back_to"] == "1"


def test_a_rollback_can_be_rolled_back(config, push):
    push(1, "old"), push(2, "new")
    first, second = _back(config), _back(config)
    assert second.rolled_back_to == 2
    assert _back(config, first.version).version > second.version


def test_an_older_push_is_known_by_its_archived_copy(config, push):
    push(1, "old", digest=False), push(2, "new")
    assert _back(config).rolled_back_to == 1


def test_a_rollback_killed_before_its_record_is_completed(
    config, store, push, monkeypatch
):
    push(1, "old"), push(2, "new")
    monkeypatch.setattr(rollback, "_record", lambda *_: None)
    killed = _back(config)
    monkeypatch.undo()
    assert _back(config).version == killed.version
    assert len(_served(config)) == 3
    assert len(store.get_executions_by_type("distill_rollback")) == 1


def _nothing_changes(config, store, message, version=None):
    before = _served(config), len(store.get_artifacts())
    with pytest.raises(DistillError, match=message):
        _back(config, version)
    assert (_served(config), len(store.get_artifacts())) == before


def test_an_unknown_version_is_refused(config, store, push):
    push(1, "old"), push(2, "new")
    message = "Version 7 was not pushed .* Recorded: 1, 2"
    _nothing_changes(config, store, message, 7)


def test_a_version_that_no_run_recorded_is_refused(config, store, push):
    push(2, "new")
    (config.serving_dir / "1").mkdir()
    (config.serving_dir / "1" / "saved_model.pb").write_text("by hand")
    _nothing_changes(config, store, "Version 1 was not pushed", 1)


def test_a_version_without_a_blessing_is_refused(config, store, push):
    push(1, "old", blessed=0), push(2, "new")
    _nothing_changes(config, store, "has no blessing of version 1")


def test_changed_files_are_refused(config, store, push):
    push(1, "old"), push(2, "new")
    (config.serving_dir / "1" / "saved_model.pb").write_text("edited")
    _nothing_changes(config, store, "have changed since the push")


def test_a_folder_that_is_gone_is_refused(config, store, push):
    push(1, "old"), push(2, "new")
    (config.serving_dir / "1").rename(config.serving_dir / "gone")
    _nothing_changes(config, store, "its folder .* is gone")


def test_the_newest_itself_and_the_only_one_are_refused(config, store, push):
    push(1, "old")
    _nothing_changes(config, store, "Version 1 .* is the only one")
    push(2, "new")
    _nothing_changes(config, store, "is already the newest in", 2)


def test_what_the_newest_has_already_is_refused(config, store, push):
    push(1, "old"), push(2, "new")
    _back(config)
    _nothing_changes(config, store, "already has the content of version 1", 1)


def test_during_a_run_nothing_is_rolled_back(config, store, push):
    push(1, "old"), push(2, "new")
    with run_folders.only_run(config.pipeline_dir):
        _nothing_changes(config, store, "Another run")


def test_before_any_push_the_way_out_is_said(config, store):
    with pytest.raises(
        DistillError, match="Nothing has been pushed to .* `distill run`"
    ):
        _back(config)


def test_before_any_run_the_way_out_is_said(config):
    with pytest.raises(DistillError, match="No pipeline has run in"):
        _back(config)


def _command(config, *options):
    root = f"pipeline.root={config.pipeline_dir.parent}"
    words = ["rollback", "--config", "smoke", "--set", root, *options]
    return CliRunner().invoke(cli, words)


def test_the_command_says_what_is_served_now(config, push):
    push(1, "old"), push(2, "new")
    output = _command(config, "--reason", "it errs").output
    newest = max(_served(config))
    assert output == (
        f"Version {newest} has the content of version 1 and is now the newest, after 2.\n"
        f"{config.serving_dir / str(newest)}\n"
    )


def test_the_command_gives_json(config, push):
    push(1, "old"), push(2, "new")
    done = json.loads(
        _command(config, "1", "--reason", "x", "--by", "ada", "--json").output
    )
    assert (done["rolled_back_to"], done["rolled_back_by"]) == (1, "ada")


@pytest.mark.parametrize("options", [(), ("--reason", " ")])
def test_the_command_asks_for_a_reason(config, push, options):
    push(1, "old"), push(2, "new")
    assert _command(config, *options).exit_code == 2
    assert len(_served(config)) == 2

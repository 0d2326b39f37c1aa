"""An earlier version becomes the newest again, with a record, or nothing changes."""

import errno
import json
import os
import pathlib
import shutil
import signal
import tempfile

import ml_metadata
import pytest
import recorded_pushes
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.components.pusher import local_versions, manifest
from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd.store import Store
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.pipeline.serving import rollback, rollback_record
from tfx_distill.trainer.errors import ConfigError, DistillError
from tfx_distill.trainer.export import saved_model_files

pytestmark = pytest.mark.attack
PIPELINE = "smoke-digits"


@pytest.fixture
def config(tmp_path):
    config = load_config("smoke", [f"pipeline.root={tmp_path}"])
    config.pipeline_dir.mkdir()
    return config


@pytest.fixture
def store(config):
    return recorded_pushes.new_store(config)


@pytest.fixture
def push(config, store):
    """A function that pushes a content as a version, as a run would."""

    def run(version, content, blessed=(1, 1), digest=True):
        folder = pathlib.Path(config.serving_dir, str(version))
        archive = config.artifacts_dir / str(version)
        for place in (folder, archive):
            (place / "assets.extra").mkdir(parents=True)
            (place / "saved_model.pb").write_text(content)
        (folder / "assets.extra" / "model_card.json").write_text("card")
        digests = {}
        if digest:
            digests["model_digest"] = saved_model_files.content_digest(str(folder))
            digests["manifest_digest"] = manifest.write(str(folder))
        return recorded_pushes.record(
            store, str(folder), str(archive), digests, blessed=blessed
        )

    return run


def _version(config, *names):
    return pathlib.Path(config.serving_dir, *names)


def _served(config):
    names = (name for name in os.listdir(config.serving_dir) if name.isdigit())
    return {
        int(name): _version(config, name, "saved_model.pb").read_text()
        for name in names
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


def _states(store):
    return [
        e.last_known_state for e in store.get_executions_by_type("distill_rollback")
    ]


class Killed(BaseException):
    """Stands for the end of the process."""


def _killed(config, monkeypatch, module, name):
    """Rolls back in a process that ends when it calls a function."""

    def die(*_):
        raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(module, name, die)
        _back(config)


@pytest.mark.parametrize("again", [None, 1])
def test_a_rollback_killed_before_its_record_is_completed(
    config, store, push, monkeypatch, again
):
    push(1, "old"), push(2, "new")
    _killed(config, monkeypatch, rollback_record, "complete")
    assert _states(store) == [pb.Execution.RUNNING]
    version = max(_served(config))
    assert _back(config, again).version == version == max(_served(config))
    assert _states(store) == [pb.Execution.COMPLETE]
    (new,) = (
        a for a in store.get_artifacts() if "rolled_back_to" in a.custom_properties
    )
    assert new.custom_properties["pushed_version"].string_value == str(version)


def test_a_rollback_killed_before_it_published_is_done_anew(
    config, store, push, monkeypatch
):
    push(1, "old"), push(2, "new")
    _killed(config, monkeypatch, local_versions.LocalVersion, "appear")
    assert sorted(_served(config)) == [1, 2]
    version = _back(config).version
    assert _served(config)[version] == "old"
    assert _states(store) == [pb.Execution.FAILED, pb.Execution.COMPLETE]


def test_the_next_run_completes_the_record_of_a_killed_rollback(
    config, store, push, monkeypatch
):
    push(1, "old"), push(2, "new")
    _killed(config, monkeypatch, rollback_record, "complete")
    from tfx_distill.pipeline.runners.local import run_records  # takes long

    run_records.settle_earlier(config)
    assert _states(store) == [pb.Execution.COMPLETE]


def test_a_record_that_fails_says_what_is_served_and_is_repeated(
    config, store, push, monkeypatch
):
    push(1, "old"), push(2, "new")
    real = ml_metadata.MetadataStore.put_execution

    def locked(self, execution, *further):
        if execution.last_known_state == pb.Execution.COMPLETE:
            raise ml_metadata.errors.AbortedError("Concurrent writes aborted")
        return real(self, execution, *further)

    monkeypatch.setattr(ml_metadata.MetadataStore, "put_execution", locked)
    message = "now has the content of version 1, but this is not recorded yet: ML Metad"
    with pytest.raises(
        DistillError, match=f"{message}.* is locked.*repeat the command"
    ):
        _back(config)
    monkeypatch.undo()
    assert _back(config).version == max(_served(config))
    assert _states(store) == [pb.Execution.COMPLETE]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_between_publish_and_record_waits(
    config, store, push, monkeypatch, number
):
    push(1, "old"), push(2, "new")
    appear = local_versions.LocalVersion.appear
    monkeypatch.setattr(
        local_versions.LocalVersion,
        "appear",
        lambda new: (appear(new), signal.raise_signal(number)),
    )
    assert _back(config).version == max(_served(config))
    assert _states(store) == [pb.Execution.COMPLETE]


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
    _version(config, "1").mkdir()
    _version(config, "1", "saved_model.pb").write_text("by hand")
    _nothing_changes(config, store, "Version 1 was not pushed", 1)


@pytest.mark.parametrize("blessed", [(), (1,), (1, 0), (0, 1), (0, 0)])
def test_a_version_without_both_blessings_is_refused(config, store, push, blessed):
    push(1, "old", blessed), push(2, "new")
    _nothing_changes(config, store, "does not have both blessings of version 1")


@pytest.mark.parametrize("name", ["saved_model.pb", "assets.extra/lite/int8.tflite"])
def test_changed_files_are_refused(config, store, push, name):
    push(1, "old"), push(2, "new")
    path = _version(config, "1", name)
    path.parent.mkdir(exist_ok=True)
    path.write_text("edited")
    _nothing_changes(config, store, f"have changed since the push: {name}\\.")


def test_without_a_manifest_the_model_is_compared(config, store, push):
    push(1, "old", digest=False), push(2, "new")
    _version(config, "1", "saved_model.pb").write_text("edited")
    _nothing_changes(config, store, "have changed since the push: its model")


@pytest.mark.parametrize("given", [{"reason": "\udcff"}, {"by": "\udcff"}])
def test_text_that_cannot_be_recorded_is_refused(config, store, push, given):
    push(1, "old"), push(2, "new")
    before = _served(config)
    with pytest.raises(ConfigError, match="expected text in UTF-8"):
        _back(config, **given)
    assert (_served(config), _states(store)) == (before, [])


def test_a_folder_that_is_gone_is_refused(config, store, push):
    push(1, "old"), push(2, "new")
    _version(config, "1").rename(_version(config, "gone"))
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


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize(
    ("module", "name"),
    [(tempfile, "mkdtemp"), (shutil, "copyfileobj"), (os, "fsync"), (os, "rename")],
)
def test_a_disk_that_takes_nothing_changes_nothing(
    config, store, push, monkeypatch, module, name, number
):
    push(1, "old"), push(2, "new")

    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(module, name, fail)
    before = _served(config)
    with pytest.raises(DistillError, match=f"in .*serving .*{os.strerror(number)}"):
        _back(config)
    monkeypatch.undo()
    assert _served(config) == before
    assert _served(config)[_back(config).rolled_back_to] == "old"
    assert len(_served(config)) == 3


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
        f"{config.serving_dir}/{newest}\n"
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

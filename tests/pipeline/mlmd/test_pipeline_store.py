"""Real SQLite stores of ML Metadata: connections, leftovers, the newest models."""

import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import (
    read_only_store,
    store_connection,
    tested_models,
    updates,
)
from tfx_distill.trainer.errors import ConfigError, DistillError


@pytest.fixture
def config(tmp_path):
    config = load_config("smoke", [f"pipeline.root={tmp_path}"])
    config.pipeline_dir.mkdir()
    return config


@pytest.fixture
def store(config):
    return ml_metadata.MetadataStore(store_connection.connection_config(config))


def _execution(store, name, state):
    type_id = store.put_execution_type(pb.ExecutionType(name=name))
    execution = pb.Execution(type_id=type_id, last_known_state=state)
    (execution_id,) = store.put_executions([execution])
    return execution_id


def _link(store, execution_id, kind, key, uri):
    type_id = store.put_artifact_type(pb.ArtifactType(name="Model"))
    (artifact_id,) = store.put_artifacts([pb.Artifact(type_id=type_id, uri=str(uri))])
    event = pb.Event(artifact_id=artifact_id, execution_id=execution_id, type=kind)
    event.path.steps.add().key = key
    store.put_events([event])


def _context(store, name, execution_id, kind="pipeline"):
    type_id = store.put_context_type(pb.ContextType(name=kind))
    known = store.get_context_by_type_and_name(kind, name)
    new = pb.Context(type_id=type_id, name=name)
    context_id = known.id if known else store.put_contexts([new])[0]
    link = pb.Association(execution_id=execution_id, context_id=context_id)
    store.put_attributions_and_associations([], [link])


def _test(store, folder, pipeline="smoke-digits", state=pb.Execution.COMPLETE):
    """An execution of the Evaluator on two models."""
    execution_id = _execution(store, "x.Evaluator", state)
    _context(store, f"{pipeline}.Evaluator", execution_id, kind="node")
    _context(store, pipeline, execution_id)
    _context(store, f"run-{execution_id}", execution_id, kind="pipeline_run")
    for key in ("baseline_model", "model"):
        (folder / key / "Format-Serving").mkdir(parents=True, exist_ok=True)
        _link(store, execution_id, pb.Event.INPUT, key, folder / key)


def test_the_student_that_was_tested_last_comes_with_its_teacher(
    config, store, tmp_path
):
    _test(store, tmp_path / "old")
    _test(store, tmp_path / "new")
    _test(store, tmp_path / "another", pipeline="another")
    _test(store, tmp_path / "failed", state=pb.Execution.FAILED)
    teacher, student = tested_models.latest(config)
    assert teacher == str(tmp_path / "new" / "baseline_model" / "Format-Serving")
    assert student == str(tmp_path / "new" / "model" / "Format-Serving")


def test_a_test_from_the_cache_counts(config, store, tmp_path):
    _test(store, tmp_path / "first")
    _test(store, tmp_path / "second")
    _test(store, tmp_path / "first", state=pb.Execution.CACHED)
    assert tested_models.latest(config)[1].startswith(str(tmp_path / "first"))


def test_without_a_student_the_way_out_is_said(config, store):
    with pytest.raises(
        DistillError, match="No student has been tested in .* Run `distill run`"
    ):
        tested_models.latest(config)


def test_without_any_run_the_way_out_is_said(config):
    with pytest.raises(DistillError, match="No pipeline has run in .*smoke-digits"):
        tested_models.latest(config)


def test_what_a_killed_run_left_is_marked_failed_in_its_pipeline_only(store):
    mine = _execution(store, "Trainer", pb.Execution.RUNNING)
    theirs = _execution(store, "Trainer", pb.Execution.RUNNING)
    _context(store, "mine", mine)
    _context(store, "theirs", theirs)
    assert updates.fail_unfinished(store, "mine") == 1
    states = [e.last_known_state for e in store.get_executions_by_id([mine, theirs])]
    assert states == [pb.Execution.FAILED, pb.Execution.RUNNING]


def test_a_password_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("STORE_PASSWORD", "hunter2")
    config = load_config(
        None,
        ["metadata.connection={mysql: {host: db, password: 'env:STORE_PASSWORD'}}"],
    )
    assert store_connection.connection_config(config).mysql.password == "hunter2"
    assert "hunter2" not in config.to_yaml()


@pytest.mark.parametrize(
    ("connection", "message"),
    [
        (
            "{mysql: {password: 'env:NOT_SET'}}",
            "connection.mysql.password refers to .*NOT_SET",
        ),
        ("{postgre: {}}", "is not ml_metadata's ConnectionConfig"),
    ],
)
def test_a_connection_that_cannot_be_is_refused(connection, message):
    config = load_config(None, [f"metadata.connection={connection}"])
    with pytest.raises(ConfigError, match=message):
        store_connection.connection_config(config)


@pytest.mark.attack
def test_settings_that_end_the_library_are_refused_in_one_line():
    config = load_config(None, ["metadata.connection={postgresql: {}}"])
    for opened in (store_connection.open_store, read_only_store.open_store):
        with pytest.raises(DistillError, match="cannot be used: .* signal 6: Check"):
            opened(config)

"""Files that were moved are found again, all of them or none."""

import json
import os
import shutil

import ml_metadata
import pytest
from click.testing import CliRunner
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.mlmd import moved_files, store_connection
from tfx_distill.pipeline.mlmd.records import ArtifactRecord

pytestmark = pytest.mark.attack


@pytest.fixture
def root(tmp_path):
    """A pipeline root with two artifacts and an execution, to be moved to `new`."""
    config = load_config("smoke", [f"pipeline.root={tmp_path / 'old'}"])
    config.pipeline_dir.mkdir(parents=True)
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    kind = store.put_artifact_type(pb.ArtifactType(name="PushedModel"))
    for name, folder in (("a", config.artifacts_dir), ("b", f"{tmp_path}/old-other")):
        artifact = pb.Artifact(type_id=kind, uri=f"{folder}/Pusher/{name}")
        artifact.custom_properties["pushed_destination"].string_value = artifact.uri
        artifact.custom_properties["reason"].string_value = f"see {artifact.uri}"
        store.put_artifacts([artifact])
        os.makedirs(artifact.uri)
    kind = store.put_execution_type(pb.ExecutionType(name="Evaluator"))
    execution = pb.Execution(type_id=kind)
    execution.custom_properties["served_model_uri"].string_value = f"{tmp_path}/old"
    store.put_executions([execution])
    shutil.move(tmp_path / "old", tmp_path / "new")
    return tmp_path


def _contents(root):
    config = load_config("smoke", [f"pipeline.root={root / 'new'}"])
    store = ml_metadata.MetadataStore(store_connection.connection_config(config))
    (execution,) = store.get_executions()
    served = execution.custom_properties["served_model_uri"].string_value
    return [
        value.removeprefix(str(root))
        for artifact in store.get_artifacts()
        for value in (
            artifact.uri,
            artifact.custom_properties["pushed_destination"].string_value,
            artifact.custom_properties["reason"].string_value,
        )
    ] + [served.removeprefix(str(root))]


def _command(root, *options):
    words = ["relocate", str(root / "old"), str(root / "new"), "--config", "smoke"]
    at = ["--set", f"pipeline.root={root / 'new'}"]
    return CliRunner().invoke(cli, [*words, *at, *options], catch_exceptions=False)


def test_paths_in_the_folder_are_replaced_and_no_others(root):
    before = _contents(root)
    output = _command(root).output
    assert "1 artifacts and 2 properties now point to" in output.replace("\n", " ")
    uri = "/new/smoke-digits/artifacts/Pusher/a"
    assert _contents(root) == [uri, uri, before[2], *before[3:6], "/new"]


def test_a_dry_run_changes_nothing_and_tells_the_same(root):
    before = _contents(root)
    told = json.loads(_command(root, "--dry-run", "--json").output)
    assert (told["artifacts"], told["properties"], told["done"]) == (1, 2, False)
    assert _contents(root) == before


def test_a_move_that_fails_changes_nothing(root, monkeypatch):
    before = _contents(root)

    def fail(*_, **__):
        raise ml_metadata.errors.AbortedError("Concurrent writes aborted")

    monkeypatch.setattr(ml_metadata.MetadataStore, "put_lineage_subgraph", fail)
    result = CliRunner().invoke(
        cli,
        ["relocate", str(root / "old"), str(root / "new"), "--config", "smoke"]
        + ["--set", f"pipeline.root={root / 'new'}"],
    )
    assert "is locked" in str(result.exception)
    monkeypatch.undo()
    assert _contents(root) == before


def test_files_that_are_not_there_are_told(root):
    shutil.rmtree(root / "new" / "smoke-digits" / "artifacts")
    told = json.loads(_command(root, "--json").output)
    assert (told["artifacts"], told["missing"]) == (1, 1)


def _artifact(uri, state="LIVE"):
    return ArtifactRecord(id=1, type="Model", uri=str(uri), state=state)


def test_files_that_are_gone_are_told_with_their_place(tmp_path):
    gone = [_artifact(tmp_path / f"old/mnist/artifacts/Teacher/{n}") for n in "ab"]
    assert moved_files.missing_files(gone) == (
        f"Missing are the files of 2 artifacts, which were in {tmp_path}/old/mnist. If "
        f"that folder was moved: distill relocate {tmp_path}/old/mnist NEW"
    )


def test_files_of_which_some_are_there_were_not_moved(tmp_path):
    assert not moved_files.missing_files(
        [_artifact(tmp_path / "gone"), _artifact(tmp_path)]
    )
    assert not moved_files.missing_files(
        [_artifact("gs://bucket/model"), _artifact("")]
    )
    assert not moved_files.missing_files([_artifact(tmp_path / "gone", "DELETED")])

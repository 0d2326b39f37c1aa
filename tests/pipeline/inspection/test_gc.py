"""`distill gc`: what may go goes, and nothing else."""

import contextlib
import os
import pathlib
import shutil
import sqlite3
import time

import metadata_stores
import pytest

from tfx_distill.pipeline.inspection import gc
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer.errors import DistillError


def _refused(writer, config, name):
    (config.pipeline_dir / "runs" / name).mkdir(parents=True)
    return writer.distill(name, config.artifacts_dir, blessed=0, pushed=0)


def _ids(found):
    return {artifact.id for artifact in found.artifacts}


def test_only_refused_runs_go(config, writer):
    blessed = writer.distill("run-1", config.artifacts_dir, pushed=0)
    refused = _refused(writer, config, "run-2")
    _refused(writer, config, "run-3")
    found = gc.find(config, keep=1)
    # That nothing was pushed in run-1 is what no blessing comes from.
    assert _ids(found) == {*refused.values(), blessed["pushed_model"]}
    assert found.run_dirs == (str(config.pipeline_dir / "runs" / "run-2"),)
    assert found.bytes == 6 * len("content")


@pytest.mark.attack
def test_the_newest_run_stays_when_the_clock_was_set_back(config, writer):
    old = _refused(writer, config, "run-1")
    new = _refused(writer, config, "run-0")  # named and dated by the clock
    with contextlib.closing(sqlite3.connect(writer.path)) as store, store:
        before = "create_time_since_epoch - 31536000000"
        change = f"UPDATE Context SET create_time_since_epoch = {before} WHERE name = ?"
        assert store.execute(change, ["run-0"]).rowcount == 1
    assert _ids(gc.find(config, keep=1)) == set(old.values())
    assert set(new.values()).isdisjoint(old.values())


def test_finding_deletes_nothing(config, writer):
    refused = _refused(writer, config, "run-1")
    gc.find(config, keep=0)
    graph = read_only_store.open_store(config).everything()
    assert {a.state for a in graph.artifacts.values()} == {"LIVE"}
    assert len(refused) == 5
    assert all((config.artifacts_dir / key / "run-1").is_dir() for key in refused)


def test_deleting_marks_and_removes(config, writer):
    refused = _refused(writer, config, "run-1")
    assert gc.delete(config, keep=0).deleted
    graph = read_only_store.open_store(config).everything()
    assert {a.state for a in graph.artifacts.values()} == {"DELETED"}
    assert not any((config.artifacts_dir / key / "run-1").exists() for key in refused)
    assert gc.find(config, keep=0).artifacts == ()


def test_what_a_kill_left_is_finished(config, writer):
    refused = _refused(writer, config, "run-1")
    gc._mark(config, list(refused.values()))
    assert _ids(gc.delete(config, keep=0)) == set(refused.values())
    assert not (config.artifacts_dir / "model" / "run-1").exists()


def test_what_is_served_keeps_all_that_it_comes_from(config, writer):
    made = writer.distill("run-1", config.artifacts_dir, blessed=0, pushed=1)
    assert _ids(gc.find(config, keep=0)) == set(made.values())
    os.mkdir(f"{config.serving_dir}/170")  # the version that it was pushed as
    assert gc.find(config, keep=0).artifacts == ()


def _statistics(writer, config, name):
    """An artifact of the run that nothing is made from."""
    folder = config.artifacts_dir / "statistics" / name
    folder.mkdir(parents=True)
    made = writer.artifact("ExampleStatistics", folder)
    writer.execute("StatisticsGen", [], [("statistics", made)])
    return made


@pytest.mark.parametrize(("is_served", "gone"), [(True, False), (False, True)])
def test_the_statistics_of_what_is_served_stay(config, writer, is_served, gone):
    writer.distill("run-1", config.artifacts_dir, blessed=1, pushed=1)
    statistics = _statistics(writer, config, "run-1")
    if is_served:
        os.mkdir(f"{config.serving_dir}/170")
    assert (statistics in _ids(gc.find(config, keep=0))) == gone


def test_the_statistics_of_what_a_rollback_serves_stay(config, writer):
    made = writer.distill("run-1", config.artifacts_dir, blessed=1, pushed=1)
    statistics = _statistics(writer, config, "run-1")
    again = writer.artifact("PushedModel", pushed=1, pushed_version="171")
    writer.run_id = writer.context("any", "no run")
    reads = [("pushed_model", made["pushed_model"])]
    writer.execute("distill_rollback", reads, [("pushed_model", again)])
    os.mkdir(f"{config.serving_dir}/171")
    assert statistics not in _ids(gc.find(config, keep=0))


def test_a_version_in_an_earlier_serving_folder_counts(config, writer, tmp_path):
    earlier = tmp_path / "earlier" / "171"
    earlier.mkdir(parents=True)
    writer.run("run-1")
    folder = config.artifacts_dir / "pushed"
    folder.mkdir()
    places = {"pushed_version": "171", "pushed_destination": str(earlier)}
    pushed = writer.artifact("PushedModel", folder, pushed=1, **places)
    writer.execute("Pusher", [], [("pushed_model", pushed)])
    assert gc.find(config, keep=0).artifacts == ()
    earlier.rmdir()
    assert _ids(gc.find(config, keep=0)) == {pushed}


def test_what_a_running_execution_reads_and_writes_stays(config, writer):
    old = _refused(writer, config, "run-1")
    folder = config.artifacts_dir / "unfinished"
    folder.mkdir()
    student = writer.artifact("Model", folder, state=1)  # PENDING
    reads = [("teacher", old["teacher_model"])]
    writer.execute("Student", reads, [("model", student)], state="RUNNING")
    gone = _ids(gc.find(config, keep=0))
    assert gone == {old["model"], old["blessing"], old["pushed_model"]}


def test_another_pipeline_in_the_same_store_is_left_alone(config, writer):
    ours = _refused(writer, config, "run-1")
    other = metadata_stores.Writer(writer.path, pipeline="other")
    folder = config.pipeline_dir.parent / "other" / "artifacts"
    theirs = other.distill("run-2", folder, blessed=0, pushed=0)
    assert _ids(gc.delete(config, keep=0)) == set(ours.values())
    graph = read_only_store.open_store(config).everything()
    assert {graph.artifacts[id_].state for id_ in theirs.values()} == {"LIVE"}
    assert all((folder / key / "run-2").is_dir() for key in theirs)


def test_the_newest_runs_are_those_of_this_pipeline(config, writer):
    ours = _refused(writer, config, "run-1")
    other = metadata_stores.Writer(writer.path, pipeline="other")
    other.distill("run-2", blessed=0, pushed=0)
    assert gc.find(config, keep=1).artifacts == ()
    assert _ids(gc.find(config, keep=0)) == set(ours.values())


def test_a_cached_ancestor_of_a_blessed_model_stays(config, writer):
    old = _refused(writer, config, "run-1")
    writer.run("run-2")
    model = writer.artifact("Model", config.artifacts_dir / "new")
    blessing = writer.artifact("ModelBlessing", blessed=1)
    writer.execute("Teacher", [], [("m", old["teacher_model"])], state="CACHED")
    writer.execute("Student", [("teacher", old["teacher_model"])], [("model", model)])
    writer.execute("Evaluator", [("model", model)], [("blessing", blessing)])
    gone = _ids(gc.find(config, keep=0))
    assert gone == {old["model"], old["blessing"], old["pushed_model"]}


def test_a_refused_student_goes_however_servable_it_is(config, writer):
    refused = _refused(writer, config, "run-1")
    servable = writer.artifact("InfraBlessing", blessed=1)
    reads = [("model", refused["model"])]
    writer.execute("ServabilityValidator", reads, [("blessing", servable)])
    assert _ids(gc.find(config, keep=0)) == set(refused.values())


def test_outputs_of_one_execution_stay_together(config, writer):
    writer.run("run-1")
    folder = config.artifacts_dir / "beside"
    folder.mkdir()
    beside = writer.artifact("ModelRun", folder)
    blessing = writer.artifact("ModelBlessing", blessed=1)
    writer.execute("Evaluator", [], [("blessing", blessing), ("beside", beside)])
    assert gc.find(config, keep=0).artifacts == ()


def test_nothing_outside_of_the_pipelines_folder_goes(config, writer, tmp_path):
    outside = tmp_path / "outside"
    outside.mkdir()
    link = config.artifacts_dir / "link"
    link.symlink_to(outside)
    writer.run("run-1")
    for uri in (
        outside,
        link,
        f"{config.artifacts_dir}/../../outside",
        config.artifacts_dir,
        config.serving_dir,
        "",
        "relative",
        "s3://bucket/model",
    ):
        writer.artifact("Model", uri)
    assert gc.find(config, keep=0).artifacts == ()


def test_a_folder_that_something_needed_shares_stays(config, writer):
    writer.distill("run-1", config.artifacts_dir)
    folder = config.artifacts_dir / "model" / "run-1"
    (folder / "inside").mkdir()
    for uri in (folder, folder / "inside", folder.parent):
        writer.artifact("Model", uri)
    found = gc.delete(config, keep=1)
    assert found.artifacts == ()
    assert (folder / "file").read_text() == "content"


def test_two_artifacts_of_one_folder_go_together(config, writer):
    refused = _refused(writer, config, "run-1")
    folder = config.artifacts_dir / "model" / "run-1"
    copy = writer.artifact("Model", folder)
    assert _ids(gc.delete(config, keep=0)) == {*refused.values(), copy}
    assert not folder.exists()


def test_a_run_named_with_a_path_takes_no_other_runs_folder(config, writer):
    writer.distill("run-2", config.artifacts_dir)
    (config.pipeline_dir / "runs" / "run-2").mkdir(parents=True)
    _refused(writer, config, "x")
    writer.run("x/../run-2")
    writer.execute("Teacher")
    assert gc.find(config, keep=0).run_dirs == (
        str(config.pipeline_dir / "runs" / "x"),
    )


def test_an_active_run_forbids_it(config, writer):
    _refused(writer, config, "run-1")
    with (
        run_folders.only_run(config.pipeline_dir),
        pytest.raises(DistillError, match="Another run"),
    ):
        gc.delete(config, keep=0)
    assert (config.artifacts_dir / "model" / "run-1").is_dir()


def test_the_state_of_a_killed_training_goes_after_the_newest_runs(config, writer):
    from tfx_distill.trainer.distillation import checkpoints

    files = []
    for name in ("run-1", "run-2"):
        writer.run(name)
        writer.execute("Teacher", state="FAILED")
        run_dir = config.artifacts_dir / "Teacher" / "model_run" / name
        files.append(pathlib.Path(checkpoints.path(str(run_dir), name)))
        files[-1].parent.mkdir(parents=True, exist_ok=True)
        files[-1].write_text("content")
        time.sleep(0.1)  # a file's time may lag behind the clock
    assert gc.find(config, keep=2).checkpoints == ()
    found = gc.delete(config, keep=1)
    assert (found.checkpoints, found.bytes) == ((str(files[0]),), len("content"))
    assert [file.exists() for file in files] == [False, True]


@pytest.mark.attack
def test_a_full_disk_is_made_free(small_disk, config, writer):
    refused = _refused(writer, config, "run-1")
    run_folders.keep_reserve(config.pipeline_dir)
    (config.artifacts_dir / "model" / "run-1" / "file").write_bytes(bytes(2**22))
    small_disk.fill()
    assert shutil.disk_usage(small_disk.folder).free == 0
    assert _ids(gc.delete(config, keep=0)) == set(refused.values())
    assert shutil.disk_usage(small_disk.folder).free > 2**21
    graph = read_only_store.open_store(config).everything()
    assert {a.state for a in graph.artifacts.values()} == {"DELETED"}


def test_tfx_does_not_take_what_was_deleted_from_its_cache(config, writer):
    from tfx.orchestration import metadata
    from tfx.orchestration.portable import cache_utils

    writer.run("run-1")
    folder = config.artifacts_dir / "model"
    folder.mkdir()
    model = writer.artifact("Model", folder)
    writer.execute("Teacher", [], [("model", model)], cache="key")

    def cached():
        with metadata.Metadata(metadata_stores.connection(writer.path)) as handle:
            context = handle.store.get_context_by_type_and_name(
                "execution_cache", "key"
            )
            return cache_utils.get_cached_outputs(handle, context)

    assert cached()["model"][0].id == model
    gc._mark(config, [model])
    assert cached() is None

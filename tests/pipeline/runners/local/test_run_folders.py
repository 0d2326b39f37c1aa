"""The folders of a run: checked, described, held by one run at a time."""

import multiprocessing

import pytest
import yaml

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer.errors import DistillError


@pytest.fixture
def config(tmp_path):
    return load_config("smoke", [f"pipeline.root={tmp_path}"])


def test_a_run_folder_holds_the_resolved_configuration(config):
    run_dir = run_folders.make_run_dir(config)
    saved = yaml.safe_load((run_dir / "config.yaml").read_text())
    assert saved["data"]["dataset"] == "digits"
    assert run_dir.parent == config.pipeline_dir / "runs"


def test_run_folders_are_in_the_order_of_their_names(config):
    names = [run_folders.make_run_dir(config).name for _ in range(3)]
    assert names == sorted(set(names))


def test_too_little_disk_is_refused_with_both_numbers(tmp_path):
    config = load_config(
        "smoke", [f"pipeline.root={tmp_path}", "pipeline.min_free_disk_gb=1e9"]
    )
    with pytest.raises(
        DistillError, match=r"GB of disk free, expected at least 1000000000"
    ):
        run_folders.make_run_dir(config)


def test_a_file_where_a_folder_must_be_is_named(tmp_path):
    (tmp_path / "runs").write_text("")
    config = load_config("smoke", [f"pipeline.root={tmp_path}/runs"])
    with pytest.raises(
        DistillError, match=r"runs.* is not writable .*set pipeline.root"
    ):
        run_folders.make_run_dir(config)


def _hold(folder, held, release):
    with run_folders.only_run(folder):
        held.set()
        release.wait(30)


def test_a_second_run_in_the_same_folder_is_refused(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    with pytest.raises(
        DistillError,
        match=rf"Another run \(process {other.pid} on .+, since 2.+ UTC\) is using",
    ):
        run_folders.only_run(tmp_path).__enter__()
    release.set()
    other.join()
    with run_folders.only_run(tmp_path):
        pass  # free again


def test_a_killed_run_lets_go(tmp_path):
    context = multiprocessing.get_context("spawn")
    held, release = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(tmp_path, held, release))
    other.start()
    assert held.wait(30)
    other.kill()
    other.join()
    with run_folders.only_run(tmp_path):
        pass

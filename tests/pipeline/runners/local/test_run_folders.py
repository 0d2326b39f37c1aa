"""The folders of a run: checked, described, held by one run at a time."""

import multiprocessing

import pytest
import yaml

from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.local import run_folders
from tfx_distill.trainer.errors import ConfigError, DistillError


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


@pytest.mark.attack
def test_a_full_disk_leaves_no_part_of_a_run_folder(small_disk):
    root = f"pipeline.root={small_disk.folder}"
    config = load_config("smoke", [root, "pipeline.min_free_disk_gb=0"])
    run_folders.make_run_dir(config)
    small_disk.fill()
    with pytest.raises(DistillError, match="No space left on device.*Free some space"):
        run_folders.make_run_dir(config)
    assert len(list((config.pipeline_dir / "runs").iterdir())) == 1


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


@pytest.mark.attack
@pytest.mark.parametrize("name", ["a*", "a?", "a[0]", "a{b}", "a\\b"])
def test_a_folder_that_tfx_takes_for_a_pattern_is_refused_before_it_is_made(
    tmp_path, name
):
    config = load_config("smoke", [f"pipeline.root='{tmp_path / name}'"])
    with pytest.raises(ConfigError, match="reads as a pattern of names"):
        run_folders.new_log(config)
    assert not any(tmp_path.iterdir())


@pytest.mark.attack
def test_a_link_in_the_place_of_the_lock_is_not_followed(config, tmp_path):
    config.pipeline_dir.mkdir()
    (tmp_path / "precious").write_text("content")
    (config.pipeline_dir / ".lock").symlink_to(tmp_path / "precious")
    with (
        pytest.raises(DistillError, match="symbolic links"),
        run_folders.only_run(config.pipeline_dir),
    ):
        pass
    assert (tmp_path / "precious").read_text() == "content"

"""Commands on a disk that is full or read-only: one line, and no part of a file."""

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.pipeline.cli import cli
from tfx_distill.trainer.errors import DistillError

pytestmark = pytest.mark.attack

WRITING = {
    "run": (),
    "tune": (),
    "rollback": ("--reason", "it errs"),
    "gc": ("--delete",),
    "report": (),
}
LOOKING = ("runs", "explain", "artifacts", "gc")


@pytest.fixture
def call(small_disk):
    """A function that runs a command; the disk holds what a run left."""
    metadata_stores.extract_earlier(small_disk.folder)

    def run(name, *options):
        root = f"pipeline.root={small_disk.folder}"
        return CliRunner().invoke(
            cli, [name, "--config", "smoke", "--set", root, *options]
        )

    return run


def _require_one_line(done, folder):
    assert isinstance(done.exception, DistillError), done.output
    (line,) = str(done.exception).splitlines()
    assert str(folder) in line


@pytest.mark.parametrize("name", WRITING)
def test_a_read_only_disk_is_one_line(small_disk, call, name):
    small_disk.make_read_only()
    _require_one_line(call(name, *WRITING[name]), small_disk.folder)


@pytest.mark.parametrize("name", LOOKING)
def test_commands_that_look_need_no_writable_disk(small_disk, call, name):
    small_disk.make_read_only()
    done = call(name)
    assert done.exception is None, done.output


def test_a_report_on_a_full_disk_leaves_the_one_before(small_disk, call):
    assert call("report").exception is None
    before = {p: p.stat().st_size for p in small_disk.folder.rglob("*")}
    small_disk.fill()
    _require_one_line(call("report"), small_disk.folder)
    assert {p: p.stat().st_size for p in small_disk.folder.rglob("*")} == before
    small_disk.make_room()
    assert call("report").exception is None

"""The report at the end of a run, and the commands that write it again."""

import io
import os
import subprocess
import sys

import pytest
from rich.console import Console
from small_runs import SmallRun

from tfx_distill.pipeline import log_capture
from tfx_distill.pipeline.runners.local import run_aftermath

DISTILL = [sys.executable, "-c", "from tfx_distill.pipeline.cli import main; main()"]


class _Result:
    def to_json(self):
        return "{}"


def _terminal():
    return log_capture.Terminal(
        out=Console(file=io.StringIO()), err=Console(file=io.StringIO(), width=200)
    )


def test_a_run_ends_by_saying_where_its_report_is(tmp_path):
    small, terminal = SmallRun(tmp_path).write(), _terminal()
    run_aftermath.keep(small.config, _Result(), small.run_dir, "result.json", terminal)
    said = terminal.err.file.getvalue()
    assert said == f"Report {small.run_dir / 'report.html'}\n"


def test_a_report_that_cannot_be_written_is_said_loudly_and_fails_nothing(tmp_path):
    small, terminal = SmallRun(tmp_path).write(), _terminal()
    (small.run_dir / "report.html").mkdir()
    run_aftermath.keep(small.config, _Result(), small.run_dir, "result.json", terminal)
    said = terminal.err.file.getvalue()
    assert "NOTICE" in said
    assert "The run's report could not be written" in said
    assert (small.run_dir / "result.json").read_text() == "{}"


@pytest.mark.parametrize(
    ("arguments", "status", "message"),
    [
        (["report"], 0, "report.html"),
        (["report", "19990101"], 1, "has no run 19990101"),
        (["compare", "20260101"], 1, "two or more different runs"),
    ],
)
def test_commands_say_where_the_file_is_or_why_not(
    tmp_path, arguments, status, message
):
    SmallRun(tmp_path).write()
    root = f"pipeline.root={tmp_path}"
    place = ["--set", root, "--set", "pipeline.name=small"]
    # What loads TensorFlow would find no module of that name, and fail.
    (tmp_path / "tensorflow.py").write_text("raise ImportError('not for a report')")
    path = os.pathsep.join([str(tmp_path), *sys.path])
    done = subprocess.run(
        [*DISTILL, *arguments, *place],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert done.returncode == status, done.stderr
    assert message in (done.stdout if status == 0 else done.stderr)
    assert "Traceback" not in done.stderr

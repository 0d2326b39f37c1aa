"""What becomes of the output does not decide what became of the work."""

import os
import subprocess
import sys

import pytest

CODE = """
import ctypes, os, threading
import click
from tfx_distill.pipeline import cli, log_capture

def work(status, marker):
    with log_capture.captured(None) as terminal:
        terminal.err.print("working … ✓")
        terminal.out.print("result … ✓")
    open(marker, "w").write("done")
    return status

@cli.cli.command()
@click.argument("marker")
def push(marker): return work(0, marker)
@cli.cli.command()
@click.argument("marker")
def refuse(marker): return work(3, marker)
@cli.cli.command()
@click.argument("marker")
def show(marker): return work(None, marker)
@cli.cli.command()
@click.argument("marker")
def leave(marker): raise SystemExit(0)
@cli.cli.command()
@click.argument("marker")
def vanish(marker): os._exit(0)
@cli.cli.command()
@click.argument("marker")
def fork(marker):
    if not os.fork(): os._exit(0)
    return os.wait()[1]
@cli.cli.command()
@click.argument("marker")
def elsewhere(marker):
    thread = threading.Thread(target=os._exit, args=(0,))
    thread.start(), thread.join()
@cli.cli.command()
@click.argument("marker")
def native(marker):
    libc = ctypes.CDLL(None)  # which calls _exit(7) as the process ends
    libc.__cxa_atexit(libc._exit, ctypes.c_void_p(7), None)
    return work(3, marker)
cli.entry_point()
"""
DISTILL = f"{sys.executable} -c '{CODE}'"


def _run(command, marker, redirected, **environment):
    line = f"{DISTILL} {command} {marker} {redirected}"
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )


@pytest.mark.attack
@pytest.mark.parametrize(
    ("command", "status", "redirected"),
    [
        ("push", 0, "| true"),
        ("push", 0, "2>/dev/full"),
        ("push", 0, ">&-"),
        ("push", 0, "2>&-"),
        ("push", 0, ">&- 2>&- <&-"),
        ("push", 0, "| head -c 1"),
        ("refuse", 3, ">/dev/full"),
    ],
)
def test_the_work_decides_the_status(command, status, redirected, tmp_path):
    assert _run(command, tmp_path / "done", redirected).returncode == status
    assert (tmp_path / "done").read_text() == "done"


@pytest.mark.parametrize("command", ["push", "show"])
def test_a_result_that_cannot_be_written_is_told_where_it_can(command, tmp_path):
    said = _run(command, tmp_path / "done", ">/dev/full")
    assert said.stderr.splitlines() == [
        "working … ✓",
        "The output could not be written: No space left on device.",
    ]


@pytest.mark.parametrize(("redirected", "status"), [("", 0), (">/dev/full", 1)])
def test_a_command_that_only_shows_something_fails_with_its_output(
    redirected, status, tmp_path
):
    assert _run("show", tmp_path / "done", redirected).returncode == status


def test_an_ascii_terminal_gets_what_it_can_show(tmp_path):
    said = _run("push", tmp_path / "done", "", PYTHONIOENCODING="ascii")
    assert (said.returncode, said.stdout, said.stderr) == (
        0, "result ? ?\n", "working ? ?\n",
    )  # fmt: skip


@pytest.mark.attack
def test_foreign_code_that_exits_with_0_is_a_failure(tmp_path):
    said = _run("leave", tmp_path / "done", "")
    assert said.returncode == 1
    assert said.stderr.startswith("Error: SystemExit: 0")


@pytest.mark.attack
@pytest.mark.parametrize(
    ("command", "status"), [("vanish", 1), ("elsewhere", 1), ("fork", 0)]
)
def test_foreign_code_that_ends_the_process_is_a_failure(command, status, tmp_path):
    assert _run(command, tmp_path / "done", "").returncode == status


@pytest.mark.attack
def test_what_a_library_does_as_the_process_ends_decides_nothing(tmp_path):
    said = _run("native", tmp_path / "done", "")
    assert (said.returncode, said.stdout) == (3, "result … ✓\n")

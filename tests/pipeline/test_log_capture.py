"""Library noise goes to the log, output for the user does not."""

import datetime
import os
import re
import subprocess
import sys

import pytest
from rich.padding import Padding
from rich.table import Table

from tfx_distill.pipeline import log_capture

CODE = """
import logging, os, sys, warnings
from tfx_distill.pipeline import log_capture
with log_capture.captured(sys.argv[1]) as terminal:
    print("printed")
    os.write(2, b"from C\\n")
    logging.getLogger("library").info("logged")
    warnings.warn("warned")
    terminal.out.print("result")
    terminal.err.print("notice")
print("afterwards")
"""


def test_noise_from_python_and_c_goes_to_the_log(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path / "log")]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout == "result\nafterwards\n"
    assert result.stderr == "notice\n"
    text = (tmp_path / "log").read_text()
    assert all(word in text for word in ("printed", "from C", "logged", "warned"))


def test_the_log_gives_utc_as_the_names_of_runs_do(tmp_path):
    command = [sys.executable, "-c", CODE, str(tmp_path / "log")]
    abroad = {**os.environ, "TZ": "Asia/Tokyo"}
    subprocess.run(command, env=abroad, check=True, capture_output=True)
    text = (tmp_path / "log").read_text()
    (moment,) = re.findall(r"^(\S+ \S+),\d+Z INFO library: logged$", text, re.MULTILINE)
    logged = datetime.datetime.fromisoformat(f"{moment}+00:00")
    now = datetime.datetime.now(datetime.timezone.utc)
    assert abs(now - logged) < datetime.timedelta(minutes=5)


@pytest.mark.attack
def test_text_from_outside_is_neither_markup_nor_steers_the_terminal(capsys):
    table = Table("[bold]heading[/bold]")
    table.add_row("[/nothing]", "\x1b[31m")
    out = log_capture.direct().out
    out.print(table)
    out.print("\x1b[31mred \x9b2J :smile:")
    printed = capsys.readouterr().out
    assert "[bold]heading[/bold]" in printed and "[/nothing]" in printed
    assert "\ufffd[31mred \ufffd2J :smile:" in printed
    assert not set(printed) & {"\x1b", "\x9b"}


def test_indented_text_is_printed(capsys):
    log_capture.direct().out.print(Padding("because", (0, 0, 0, 2)))
    assert capsys.readouterr().out.rstrip() == "  because"

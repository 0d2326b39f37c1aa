"""Runs of the command in a pipeline root of their own."""

import contextlib
import functools
import json
import os
import pathlib
import pty
import re
import subprocess
import sys
import tempfile
import time

import warm_process

DISTILL = [str(pathlib.Path(sys.executable).with_name("distill"))]


@functools.cache
def _warm():
    """One for all tests of a session. It ends with its standard input."""
    return subprocess.Popen(
        [sys.executable, warm_process.__file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "1"},
        text=True,
    )


class Process:
    """A command in a fork of the warm process."""

    def __init__(self, words: list[str], folder: str, pid: int) -> None:
        self._words, self._folder, self.pid = words, folder, pid

    def wait_for(self, text: str) -> None:
        """Waits until the command has said something to its user, or has ended."""
        err = pathlib.Path(self._folder, "stderr")
        while not (err.exists() and text in err.read_text()):
            if not os.path.exists(f"/proc/{self.pid}"):
                return
            time.sleep(0.01)

    def ended(self) -> subprocess.CompletedProcess[str]:
        status = int(_warm().stdout.readline())
        files = [pathlib.Path(self._folder, name) for name in warm_process.FILES]
        out, err = (file.read_text() for file in files)
        return subprocess.CompletedProcess(self._words, status, out, err)


class Place:
    """A pipeline root of its own, and the command that runs there."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self.serving_dir = folder / "smoke-digits" / "serving"
        self.environment = dict(os.environ)
        self.working_dir = os.getcwd()

    def command(self, *sets: str, name: str = "run") -> list[str]:
        root = f"pipeline.root={self.folder}", f"data.data_dir={self.folder / 'tfds'}"
        options = [word for item in (*root, *sets) for word in ("--set", item)]
        return [*DISTILL, *name.split(), "--config", "smoke", *options]

    def run(self, *sets: str, options: tuple[str, ...] = ("--json",)):
        """Runs the command in a fork of a process that has loaded TFX already."""
        with self.started(*sets, options=options) as process:
            return process.ended()

    def script(self, file: pathlib.Path):
        """Runs a script of Python in such a fork."""
        with self._forked([sys.executable, str(file)]) as process:
            return process.ended()

    def started(self, *sets: str, name="run", options: tuple[str, ...] = ("--json",)):
        """As `run` while it works; who leaves must have called `ended`."""
        return self._forked([*self.command(*sets, name=name), *options])

    @contextlib.contextmanager
    def _forked(self, words: list[str]):
        with tempfile.TemporaryDirectory() as folder:
            request = {"words": words, "folder": folder}
            request |= {"environment": self.environment}
            request |= {"working_dir": str(self.working_dir)}
            print(json.dumps(request), file=_warm().stdin, flush=True)
            yield Process(words, folder, int(_warm().stdout.readline()))

    def run_anew(self, *sets: str):
        """Runs the command as users start it: in a terminal, and everything is loaded."""
        words = [*self.command(*sets), "--json"]
        terminal, inside = pty.openpty()
        environment = {**self.environment, "COLUMNS": "80"}
        process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=inside, env=environment, text=True
        )
        os.close(inside)
        shown = b""
        with contextlib.suppress(OSError):  # it has ended
            while part := os.read(terminal, 2**16):
                shown += part
        os.close(terminal)
        out = process.communicate()[0]
        err = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())
        return subprocess.CompletedProcess(words, process.returncode, out, err)

    def versions(self) -> list[str]:
        there = os.listdir(self.serving_dir) if self.serving_dir.exists() else []
        return sorted(name for name in there if name.isdigit())

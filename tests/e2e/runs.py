"""Runs of the command in a pipeline root of their own."""

import os
import pathlib
import subprocess
import sys

DISTILL = [str(pathlib.Path(sys.executable).with_name("distill"))]


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
        return subprocess.run(
            [*self.command(*sets), *options],
            capture_output=True,
            text=True,
            env=self.environment,
            cwd=self.working_dir,
        )

    def versions(self) -> list[str]:
        there = os.listdir(self.serving_dir) if self.serving_dir.exists() else []
        return sorted(name for name in there if name.isdigit())

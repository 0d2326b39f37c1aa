"""File systems of their own, which tests fill or make read-only. They need root."""

import contextlib
import os
import pathlib
import subprocess

import pytest

_ROOM = "8g"


class SmallDisk:
    """A file system in a folder."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def fill(self, left_bytes: int = 0) -> None:
        """Leaves hardly any space, while others go on to write."""
        for _ in range(100):
            found = os.statvfs(self.folder)
            used = (found.f_blocks - found.f_bfree) * found.f_frsize
            # Fails if more than that is used by now.
            if self._mounted(f"remount,rw,size={max(used + left_bytes, 4096)}"):
                return
        raise AssertionError(f"{self.folder} cannot be filled")

    def make_room(self) -> None:
        """Makes it large again, and writable."""
        assert self._mounted(f"remount,rw,size={_ROOM}")

    def make_read_only(self) -> None:
        assert self._mounted("remount,ro")

    def _mounted(self, options: str) -> bool:
        command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(self.folder)]
        return subprocess.run(command, capture_output=True).returncode == 0


@contextlib.contextmanager
def mounted(folder: pathlib.Path):
    """A file system in a folder, with room; skips the test where none can be mounted."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={_ROOM}", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError:
        pytest.skip("there is no `mount`")
    if done.returncode:
        pytest.skip(f"no file system can be mounted: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)

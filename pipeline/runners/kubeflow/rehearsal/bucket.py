"""An object store in a folder: it holds files, never folders."""

from __future__ import annotations

import pathlib
import shutil


class Bucket:
    """Objects by URI, `minio://BUCKET/KEY`, `s3://…` or `gs://…`."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def path(self, uri: str) -> pathlib.Path:
        """Where an object lies, or all whose URI begins with this one and a slash."""
        scheme, _, rest = uri.partition("://")
        return self.folder / scheme / rest

    def upload(self, source: pathlib.Path, uri: str) -> int:
        """Stores a file, or every file in a folder; returns how many."""
        if source.is_file():
            _copy(source, self.path(uri))
            return 1
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        for path in files:
            _copy(path, self.path(uri) / path.relative_to(source))
        return len(files)

    def download(self, uri: str, target: pathlib.Path) -> int:
        """The reverse; an empty folder that was uploaded does not come back."""
        source = self.path(uri)
        if source.is_file():
            _copy(source, target)
            return 1
        files = [path for path in sorted(source.rglob("*")) if path.is_file()]
        for path in files:
            _copy(path, target / path.relative_to(source))
        return len(files)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)

"""An object store in a folder; it stores files, not empty folders."""

from __future__ import annotations

import pathlib
import shutil


class Bucket:
    """Objects by URI, `minio://BUCKET/KEY`, `s3://…` or `gs://…`."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder

    def path(self, uri: str) -> pathlib.Path:
        """The file of an object, or the folder of all objects below the URI."""
        scheme, _, rest = uri.partition("://")
        return self.folder / scheme / rest

    def upload(self, source: pathlib.Path, uri: str) -> int:
        """Stores a file, or every file in a folder; returns how many."""
        return _copy(source, self.path(uri))

    def download(self, uri: str, target: pathlib.Path) -> int:
        """The inverse of `upload`; empty folders do not come back."""
        return _copy(self.path(uri), target)


def _copy(source: pathlib.Path, target: pathlib.Path) -> int:
    files = [source, *sorted(source.rglob("*"))]
    files = [path for path in files if path.is_file()]
    for path in files:
        copy = target / path.relative_to(source)  # the target itself for a single file
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    return len(files)

"""What a real run of `smoke` with a control left, of version 0.1, for tests and fuzzing."""

from __future__ import annotations

import pathlib
import tarfile

_ARCHIVE = pathlib.Path(__file__).resolve().parents[1] / "tests/golden"


def unpack(root: pathlib.Path) -> pathlib.Path:
    """Makes a folder `pipeline.root`; returns the pipeline's folder in it.

    Models and examples are missing. `metadata.sql` makes ML Metadata's file.
    """
    with tarfile.open(_ARCHIVE / "earlier_store.tar.xz") as archive:
        archive.extractall(root, filter="data")
    for path in root.rglob("*"):
        if path.suffix in (".json", ".yaml", ".sql"):
            path.write_text(path.read_text().replace("/ROOT", str(root)))
    return root / "smoke-digits"

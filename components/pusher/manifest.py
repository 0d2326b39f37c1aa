"""The manifest of a version: each of its files with its SHA-256.

`sha256sum -c assets.extra/SHA256SUMS` checks a version where it is served. What a push
records is the SHA-256 of the manifest, so that an edited one is no better than an edited
file. Needs no TensorFlow.
"""

from __future__ import annotations

import hashlib
import os

from tfx_distill.trainer import file_system
from tfx_distill.trainer.export import saved_model_files

NAME = os.path.join(saved_model_files.EXTRA_DIR, "SHA256SUMS")


def write(folder: str) -> str:
    """Writes a folder's manifest into it; returns the manifest's SHA-256."""
    text = _text(folder)
    file_system.make_folder(os.path.join(folder, saved_model_files.EXTRA_DIR))
    with file_system.open_file(os.path.join(folder, NAME), "w") as file:
        file.write(text)
    return _digest(text)


def changes(folder: str, digest: str) -> list[str]:
    """Names of the files that are not what a manifest says; empty if all are.

    Args:
        folder: A version, or a copy of one.
        digest: What `write` returned.
    """
    found = _text(folder)
    if not file_system.exists(os.path.join(folder, NAME)):
        return [NAME]
    with file_system.open_file(os.path.join(folder, NAME), "rb") as file:
        written = file.read().decode(errors="replace")
    if _digest(written) != digest:
        return [NAME]
    differing = set(written.splitlines()) ^ set(found.splitlines())
    return sorted({line.partition("  ")[2] for line in differing})


def _text(folder: str) -> str:
    return "".join(
        f"{file_system.digest(path)}  {name}\n"
        for name, path in file_system.files(folder)
        if name != NAME
    )


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()

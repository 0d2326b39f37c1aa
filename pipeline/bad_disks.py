"""Disks that are full or read-only, told from an error of any library.

Python's errors have a number; SQLite, HDF5, Beam and TensorFlow hide it in their texts,
or say nothing of the disk. So the folders are looked at, too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping

from tfx_distill.pipeline.config.pipeline_places import Places
from tfx_distill.trainer.errors import DistillError, causes

_NO_SPACE_BYTES = 2**16  # less holds no page of SQLite and its journal


def _has_no_space(folder: str) -> bool:
    return shutil.disk_usage(folder).free < _NO_SPACE_BYTES


def _is_read_only(folder: str) -> bool:
    return not os.access(folder, os.W_OK)  # for root as well, on such a file system


@dataclasses.dataclass(frozen=True)
class _Kind:
    """What may be wrong with a disk.

    Attributes:
        texts: What errors say then.
        is_so: Whether it is so of a folder now.
        fault: What is told of the folder.
        advice: What to do.
    """

    texts: tuple[str, ...]
    is_so: Callable[[str], bool]
    fault: str
    advice: str


_KINDS = (
    _Kind(
        (
            "No space left on device",
            "Disk quota exceeded",
            "database or disk is full",
        ),
        _has_no_space,
        "there is no space left on the disk of",
        "Free some space",
    ),
    _Kind(
        ("Read-only file system", "readonly database"),
        _is_read_only,
        "nothing can be written to",
        "Make it writable",
    ),
)


def folders(config: Places) -> dict[str, str]:
    """Where a command writes, by the setting that chooses it."""
    return {
        "pipeline.root": str(config.pipeline_dir),
        "pusher.directory": str(config.serving_dir),
        "TMPDIR": tempfile.gettempdir(),
    }


@contextlib.contextmanager
def explained(config: Places) -> Iterator[None]:
    """Turns any error of a bad disk into one line that says which."""
    try:
        yield
    except DistillError:
        raise
    except Exception as error:
        found = problem(error, folders(config))
        if not found:
            raise
        raise DistillError(f"{found[:1].upper()}{found[1:]}") from error


def problem(error: BaseException, written: Mapping[str, str]) -> str:
    """What is wrong with a disk, in two sentences; empty if nothing is.

    Args:
        error: What failed.
        written: See `folders`.
    """
    text = " ".join(str(cause) for cause in causes(error))
    there = {key: path for key, path in written.items() if os.path.isdir(path)}
    for kind in _KINDS:
        bad = [key for key in there if kind.is_so(there[key])]
        if not bad and any(said in text for said in kind.texts):
            # What failed has freed its space again.
            named = [key for key in there if there[key] in text]
            bad = sorted(named, key=lambda key: -len(there[key])) or list(there)
        if bad:
            return (
                f"{kind.fault} {there[bad[0]]}. {kind.advice}, or set {bad[0]} to a "
                "folder on another disk."
            )
    return ""

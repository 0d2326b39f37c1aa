"""Files that a model's function opens, of which TFX's cache would know nothing.

A function that loads `mine.keras` gives another model when that file changes, and TFX
would still answer with the old one. So such files are declared, as `student.files`, and
their content is part of the cache's key. Those that are not declared are noticed here.

Python tells of every file that is opened by it; libraries that open files in C, such as
HDF5's, are not heard. Code is left out: a function's own file is in the key anyway.
"""

from __future__ import annotations

import contextlib
import os
import pathlib
import site
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from typing import Any

import tfx_distill
from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.errors import ModelError

_CODE = (".py", ".pyc", ".so")
_listeners: dict[int, list[str]] = {}  # by thread
_hooked = threading.Event()


@contextlib.contextmanager
def recorded() -> Iterator[list[str]]:
    """Records the files that this thread opens for reading, as absolute paths.

    Yields:
        A list that is complete on leaving.
    """
    if not _hooked.is_set():
        _hooked.set()
        sys.addaudithook(_hear)  # for as long as the process lives
    thread = threading.get_ident()
    found: list[str] = []
    _listeners[thread] = found
    try:
        yield found
    finally:
        del _listeners[thread]
    foreign = {path for path in map(_absolute, found) if _is_foreign(path)}
    found[:] = sorted(foreign)


def require_declared(opened: Sequence[str], config: TrainingConfig) -> None:
    """Refuses files that are neither declared themselves nor in a declared folder.

    Args:
        opened: By the model's function, as `recorded` gives them.
        config: Declares its files.

    Raises:
        ModelError: Names them.
    """
    known = [_absolute(path) for path in config.files]
    unknown = [p for p in opened if not any(_is_in(p, place) for place in known)]
    if unknown:
        raise ModelError(
            f"{config.model} reads {', '.join(unknown)}. A changed file makes another "
            f"model, and the cache would not know. Set {config.section_name()}.files to "
            f"[{', '.join([*config.files, *unknown])}]."
        )


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if event != "open" or not _listeners:
        return
    found = _listeners.get(threading.get_ident())
    path, _, flags = arguments
    is_read = isinstance(flags, int) and flags & os.O_ACCMODE == os.O_RDONLY
    if found is not None and is_read and isinstance(path, str | bytes | os.PathLike):
        found.append(os.fsdecode(path))


def _absolute(path: str) -> str:
    return os.path.realpath(os.path.abspath(path))


def _is_foreign(path: str) -> bool:
    """Whether a file is the user's: no code, no installation's and no temporary one."""
    if path.endswith(_CODE) or not os.path.isfile(path):
        return False
    return not any(_is_in(path, place) for place in map(_absolute, _known_places()))


def _known_places() -> Iterator[str]:
    yield from {sys.prefix, sys.base_prefix, site.getusersitepackages()}
    yield from ("/usr", "/etc", "/proc", "/sys", "/dev", tempfile.gettempdir())
    # What Keras and other libraries download, and verify by digest.
    yield from map(os.path.expanduser, ("~/.keras", "~/.cache"))
    package = pathlib.Path(tfx_distill.__file__).parent
    yield from (str(place) for place in package.iterdir())


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip(os.sep) + os.sep)

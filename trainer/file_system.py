"""Files here, in object stores (`store_files`), and wherever else TensorFlow reaches.

TensorFlow's `tf.io.gfile` is imported for such paths and not before: commands that read
local files start at once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import io
import os
import pathlib
import shutil
import stat
import tempfile
from collections.abc import Iterator, Mapping
from typing import IO, TYPE_CHECKING, Any

from tfx_distill.trainer import store_files

if TYPE_CHECKING:
    import numpy as np

_BLOCK_BYTES = 2**20


def is_remote(path: str) -> bool:
    """Whether a path has a scheme, as `gs://bucket/folder` has."""
    return "://" in path


def _remote(path: str) -> Any:
    """What reads and writes a remote path, by the names of `tf.io.gfile`."""
    if store_files.is_in_store(path):
        return store_files
    import tensorflow as tf

    return tf.io.gfile


def as_uri(path: str) -> str:
    """A path as a URI, which one with a scheme is."""
    return path if is_remote(path) else pathlib.Path(path).absolute().as_uri()


def open_file(path: str, mode: str = "r") -> IO[Any]:
    """Opens a file, text as UTF-8.

    Raises:
        FileNotFoundError: If it is not there.
        OSError: If it is a pipe or a device, which may never end, or if it is to be
            written and is a link.
    """
    if not is_remote(path):
        encoding = None if "b" in mode else "utf-8"
        return open(path, mode, encoding=encoding, opener=opener)
    # TensorFlow's error would be one of its own.
    is_tensorflows = not store_files.is_in_store(path)
    if "r" in mode and is_tensorflows and not _remote(path).exists(path):
        raise FileNotFoundError(path)
    return _remote(path).GFile(path, mode)


def opener(path: str, flags: int) -> int:
    """Opens a regular file for `open`; errors as `open_file`."""
    # Not blocking: a named pipe would wait for its other end. What is written never
    # goes through a link that lies there, out of the folder.
    if flags & (os.O_WRONLY | os.O_RDWR):
        flags |= os.O_NOFOLLOW
    descriptor = os.open(path, flags | os.O_NONBLOCK, 0o666)
    kind = os.fstat(descriptor).st_mode
    if stat.S_ISREG(kind) or stat.S_ISDIR(kind):  # `open` refuses a folder itself
        return descriptor
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", path)


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    return _remote(path).exists(path) if is_remote(path) else os.path.exists(path)


def is_folder(path: str) -> bool:
    """Whether there is a folder."""
    return _remote(path).isdir(path) if is_remote(path) else os.path.isdir(path)


def make_folder(path: str) -> None:
    """Creates a folder and those above it; one that exists stays."""
    if is_remote(path):
        _remote(path).makedirs(path)
    else:
        os.makedirs(path, exist_ok=True)


def remove(path: str) -> None:
    """Deletes a file."""
    if is_remote(path):
        _remote(path).remove(path)
    else:
        os.remove(path)


def size_bytes(path: str) -> int:
    """Size of a file."""
    if is_remote(path):
        return int(_remote(path).stat(path).length)
    return os.path.getsize(path)


def digest(path: str) -> str:
    """SHA-256 of a file, hexadecimal, as other tools give it."""
    found = hashlib.sha256()
    with open_file(path, "rb") as file:
        while block := file.read(_BLOCK_BYTES):
            found.update(block)
    return found.hexdigest()


def names(folder: str) -> list[str]:
    """Names of everything in a folder, sorted; empty if there is no folder."""
    if not store_files.is_in_store(folder) and not is_folder(folder):
        return []
    found = _remote(folder).listdir(folder) if is_remote(folder) else os.listdir(folder)
    return sorted(name.rstrip("/") for name in found)


def files(top: str, skipped: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yields relative name and path of each file below a folder, in a fixed order.

    Args:
        top: The folder.
        skipped: Names of folders to leave out, wherever they are.
    """
    if store_files.is_in_store(top):  # in one request
        for name in store_files.below(top):
            if not set(name.split("/")[:-1]).intersection(skipped):
                yield name, f"{top}/{name}"
        return
    folders = []
    for name in names(top):
        path = os.path.join(top, name)
        if is_folder(path):
            folders.append((name, path))
        else:
            yield name, path
    for name, path in folders:
        if name not in skipped:
            for below, file in files(path, skipped):
                yield os.path.join(name, below), file


def save_array(path: str, array: np.ndarray) -> None:
    """Writes an `.npy` file."""
    import numpy as np

    with open_file(path, "wb") as file:
        np.save(file, array)


def load_array(path: str) -> np.ndarray:
    """Reads an `.npy` file; a local one is mapped into memory."""
    import numpy as np

    if not is_remote(path):
        return np.load(path, mmap_mode="r")
    with open_file(path, "rb") as file:
        return np.load(io.BytesIO(file.read()))


def save_arrays(path: str, **arrays: Any) -> None:
    """Writes an `.npz` file."""
    import numpy as np

    buffer = io.BytesIO()  # zip files need `tell`, which not every store has
    np.savez(buffer, **arrays)
    with open_file(path, "wb") as file:
        file.write(buffer.getvalue())


def load_arrays(path: str) -> Mapping[str, Any]:
    """Reads an `.npz` file into memory; each array is decoded when it is asked for."""
    import numpy as np

    with open_file(path, "rb") as file:
        return np.load(io.BytesIO(file.read()))


@contextlib.contextmanager
def written_whole(path: str) -> Iterator[str]:
    """A path to write a file to, which is at `path` when it is whole, and not before.

    Whatever fails meanwhile leaves the file that was there, and no part of a new one.
    """
    if is_remote(path):  # an object appears when it is whole
        yield path
        return
    folder, name = os.path.split(path)
    partial = os.path.join(folder, f".{name}.part")
    try:
        yield partial
        os.replace(partial, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.remove(partial)
        raise


@contextlib.contextmanager
def written_locally(path: str) -> Iterator[str]:
    """A local path to write a file to, for libraries that know no other.

    On leaving, the file is at `path`.
    """
    make_folder(os.path.dirname(path))
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, os.path.basename(path))
        yield local
        with open(local, "rb") as source, open_file(path, "wb") as target:
            shutil.copyfileobj(source, target)


@contextlib.contextmanager
def read_locally(path: str) -> Iterator[str]:
    """A local path at which a file can be read, for libraries that know no other."""
    if not is_remote(path):
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        local = os.path.join(folder, os.path.basename(path))
        with open_file(path, "rb") as source, open(local, "wb") as target:
            shutil.copyfileobj(source, target)
        yield local


def copy_folder(source: str, target: str) -> None:
    """Copies all files of a folder, wherever it is, into a local one."""
    os.makedirs(target)
    for below, path in files(source):
        copy = os.path.join(target, below)
        os.makedirs(os.path.dirname(copy), exist_ok=True)
        with open_file(path, "rb") as reader, open(copy, "wb") as writer:
            shutil.copyfileobj(reader, writer)


@contextlib.contextmanager
def folder_read_locally(folder: str) -> Iterator[str]:
    """As `read_locally`, a folder; TensorFlow reads what is in no store by itself."""
    if not store_files.is_in_store(folder):
        yield folder
        return
    with tempfile.TemporaryDirectory() as top:
        local = os.path.join(top, "copy")
        copy_folder(folder, local)
        yield local

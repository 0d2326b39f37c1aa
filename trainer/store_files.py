"""Files in object stores, through fsspec's file systems. Needs no TensorFlow.

What reaches a store, its credentials above all, comes from the environment, by the
names that each store's own tools use. So no configuration, record or log has them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
import io
import os
import re
import time
from collections.abc import Iterator
from typing import IO, Any

from tfx_distill.trainer.errors import DistillError

_TIMEOUT_S = 10
_MAX_REASON = 300
_ATTEMPTS, _PAUSE_S = 3, 0.3
_SECRET = re.compile(r"(AWS|AZURE|GOOGLE)_.*(KEY|SECRET|TOKEN|CREDENTIAL|CONNECTION)")


@dataclasses.dataclass(frozen=True)
class _Kind:
    """A kind of store.

    Attributes:
        protocol: Its name in fsspec.
        package: The package that adds it to fsspec.
        options: What the file system gets.
    """

    protocol: str
    package: str
    options: dict[str, Any]


_S3 = _Kind(
    "s3",
    "s3fs",
    {
        "config_kwargs": {
            "connect_timeout": _TIMEOUT_S,
            "read_timeout": 3 * _TIMEOUT_S,
            "retries": {"max_attempts": 3},
        }
    },
)
_KINDS = {
    "s3": _S3,
    "minio": _S3,  # KFP's name for an S3 store that is not Amazon's
    "gs": _Kind("gs", "gcsfs", {"requests_timeout": 3 * _TIMEOUT_S}),
    "az": _Kind("az", "adlfs", {}),
}
SCHEMES = tuple(f"{name}://" for name in _KINDS)


class StoreError(DistillError):
    """A store that cannot be reached, or does not do what it was asked for."""


def is_in_store(path: str) -> bool:
    """Whether a path is an object store's, and to be read here.

    Without gcsfs, TensorFlow's own file system reads Google's.
    """
    scheme = path.partition("://")[0]
    return path.startswith(SCHEMES) and (scheme != "gs" or _has("gcsfs"))


@functools.cache
def _has(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@functools.cache
def opened(scheme: str, process: int) -> Any:
    """Fsspec's file system; one for each process, which it cannot share."""
    kind = _KINDS[scheme]
    if not _has(kind.package):
        raise StoreError(
            f"{scheme}:// needs the package {kind.package}. Install it with "
            f"pip install {kind.package}."
        )
    if scheme == "minio" and not any(map(os.environ.get, _ENDPOINTS)):
        raise StoreError(
            f"minio:// needs the address of its server. Set {_ENDPOINTS[-1]} to "
            "http://HOST:PORT."
        )
    import fsspec

    # Listings are never remembered: other processes push, too.
    return fsspec.filesystem(
        kind.protocol,
        use_listings_cache=False,
        skip_instance_cache=True,
        **kind.options,
    )


_ENDPOINTS = "AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"


def at(path: str) -> tuple[Any, str]:
    """The file system of a path, and its name there."""
    scheme, _, name = path.partition("://")
    return opened(scheme, os.getpid()), name.rstrip("/")


@contextlib.contextmanager
def _told(path: str) -> Iterator[None]:
    """Turns the errors of clients into one line; what is missing stays missing."""
    try:
        yield
    except (FileNotFoundError, FileExistsError, StoreError):
        raise
    except Exception as error:  # each client has its own classes
        raise StoreError(
            f"{path} cannot be used: {_reason(error)}. Check the network, the "
            "store's space and its credentials, which come from the environment, then "
            "run again."
        ) from error


def _reason(error: BaseException) -> str:
    """An error in one line, without the values of secret variables."""
    text = " ".join(str(error).split()) or type(error).__name__
    for name, value in os.environ.items():
        if value and _SECRET.fullmatch(name):
            text = text.replace(value, f"${name}")
    return text[:_MAX_REASON].rstrip(".")


def exists(path: str) -> bool:
    """Whether there is a file or folder."""
    return _kind(path) is not None


def isdir(path: str) -> bool:
    """Whether there is a folder: a name that files lie below."""
    return _kind(path) == "directory"


def _kind(path: str) -> str | None:
    with _told(path):
        files, name = at(path)
        try:
            return str(files.info(name)["type"])
        except FileNotFoundError:
            return None


def listdir(path: str) -> list[str]:
    """Names of what lies in a folder; none if there is no folder."""
    with _told(path), contextlib.suppress(FileNotFoundError):
        files, name = at(path)
        found = (entry.rstrip("/") for entry in files.ls(name, detail=False))
        # Some tools mark a folder by an empty object of its name.
        return [os.path.basename(entry) for entry in found if entry != name]
    return []


def below(path: str) -> list[str]:
    """Relative names of all files below a folder, in the order of `file_system.files`."""
    with _told(path):
        files, name = at(path)
        found = [entry.removeprefix(f"{name}/") for entry in files.find(name)]
    return sorted(filter(None, found), key=_files_first)


def _files_first(name: str) -> list[tuple[bool, str]]:
    *folders, last = name.split("/")
    return [*((True, folder) for folder in folders), (False, last)]


def makedirs(path: str) -> None:
    """Does nothing: folders are names."""


def remove(path: str) -> None:
    """Deletes a file; one that is not there is deleted."""
    with _told(path), contextlib.suppress(FileNotFoundError):
        files, name = at(path)
        files.rm_file(name)


@dataclasses.dataclass(frozen=True)
class Status:
    """What `tf.io.gfile.stat` tells of a file, too."""

    length: int


def stat(path: str) -> Status:
    """The size of a file."""
    with _told(path):
        files, name = at(path)
        return Status(int(files.info(name)["size"]))


def GFile(path: str, mode: str) -> IO[Any]:
    """Opens a file. One that is read is fetched whole."""
    with _told(path):
        files, name = at(path)
        if "r" not in mode:
            return files.open(name, mode)  # type: ignore[no-any-return]
        content = io.BytesIO(files.cat_file(name))
    return content if "b" in mode else io.TextIOWrapper(content, "utf-8")


def read(path: str) -> bytes:
    """A small file."""
    with GFile(path, "rb") as file:
        return bytes(file.read())


def write(path: str, content: bytes) -> None:
    """Writes a small file, over one that may be there."""
    with _writing(path):
        files, name = at(path)
        files.pipe_file(name, content)


def upload(source: str, path: str) -> None:
    """Copies a local file."""
    with _writing(path):
        files, name = at(path)
        files.put_file(source, name)


def copy(source: str, path: str) -> None:
    """Copies a file within a store, which appears whole."""
    with _writing(path):
        files, name = at(path)
        files.cp_file(at(source)[1], name)


def create(path: str, content: bytes) -> bool:
    """Writes a small file unless there is one; whether it is there now with this content.

    Of several processes one succeeds: the store decides. The content must be no other
    process's, for an answer may get lost after the file was written.
    """
    with _writing(path):
        files, name = at(path)
        for further in reversed(range(_ATTEMPTS)):
            try:
                files.pipe_file(name, content, mode="create")
            except Exception:  # it is there, or a store asks to try again (S3: 409)
                with contextlib.suppress(FileNotFoundError):
                    return read(path) == content
                if not further:
                    raise
                time.sleep(_PAUSE_S)
            else:
                break
    return True


@contextlib.contextmanager
def _writing(path: str) -> Iterator[None]:
    try:
        with _told(path):
            yield
    except FileNotFoundError as error:
        raise StoreError(
            f"{path} cannot be written: {_reason(error)}. Check the name of the bucket "
            "and create it, then run again."
        ) from error

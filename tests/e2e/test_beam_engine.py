"""Whole runs with Beam's job service and its workers in processes of their own."""

import contextlib
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import pytest
from runs import Place

SERVICE = "apache_beam.runners.portability.local_job_service_main"
POOL = "apache_beam.runners.worker.worker_pool_main"


@contextlib.contextmanager
def _served(module, option, folder):
    """A server in a session of its own; gives its port."""
    with socket.create_server(("localhost", 0)) as free:
        port = free.getsockname()[1]
    # The pool starts whichever `python` it finds.
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    command = [sys.executable, "-m", module, option, str(port)]
    with open(folder / f"{port}.log", "w") as log:
        process = subprocess.Popen(
            command, env={**os.environ, "PATH": path}, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip
    try:
        while not _answers(port):
            assert process.poll() is None
            time.sleep(0.2)
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port):
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


@contextlib.contextmanager
def _engine(folder):
    """A job service and a pool of workers; gives the settings that use both."""
    pool = _served(POOL, "--service_port", folder)
    with _served(SERVICE, "--port", folder) as port, pool as pool_port:
        yield [
            "beam.runner=portable",
            f"beam.job_endpoint=localhost:{port}",
            f"beam.worker_pool=localhost:{pool_port}",
        ]


@pytest.mark.e2e
def test_an_engine_elsewhere_makes_what_this_process_makes(tmp_path):
    place = Place(tmp_path / "runs")
    with _engine(tmp_path) as engine:
        process = place.run_anew(*engine)
    assert process.returncode == 0, process.stderr
    # Where Beam ran is not what a node is.
    here = json.loads(place.run().stdout)
    assert all(node["cached"] for node in here["nodes"].values())

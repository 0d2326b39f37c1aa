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
    """A server in a session of its own; gives its process and port."""
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
        yield process, port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _answers(port):
    with socket.socket() as client:
        return client.connect_ex(("localhost", port)) == 0


@contextlib.contextmanager
def _engine(folder):
    """A job service and a pool: its process, and the settings that use both."""
    pool = _served(POOL, "--service_port", folder)
    with _served(SERVICE, "--port", folder) as (_, port), pool as (workers, pool_port):
        yield (
            workers,
            [
                "beam.runner=portable",
                f"beam.job_endpoint=localhost:{port}",
                f"beam.worker_pool=localhost:{pool_port}",
            ],
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("engine"))


@pytest.mark.e2e
def test_an_engine_elsewhere_makes_what_this_process_makes(place, tmp_path):
    with _engine(tmp_path) as (_, engine):
        process = place.run_anew(*engine)
    assert process.returncode == 0, process.stderr
    # Where Beam ran is not what a node is.
    here = json.loads(place.run().stdout)
    assert all(node["cached"] for node in here["nodes"].values())


@pytest.mark.attack
@pytest.mark.slow
def test_a_lost_worker_is_no_refusal(place, tmp_path):
    changed = "gate.min_accuracy=0.51"
    with (
        _engine(tmp_path) as (pool, engine),
        subprocess.Popen(
            place.command(changed, *engine), stderr=subprocess.PIPE, text=True
        ) as process,
    ):
        told = list(_until("Evaluator ...", process.stderr))
        assert "Evaluator ..." in told[-1], told
        os.kill(_started_after(_children(pool.pid), pool.pid), signal.SIGKILL)
        told += process.stderr
    assert process.returncode == 1
    assert "Evaluator" in told[-1] and "Nothing was pushed" in told[-1]
    again = json.loads(place.run(changed).stdout)
    assert again["blessed"] and not again["nodes"]["Evaluator"]["cached"]


def _until(text, lines):
    for line in lines:
        yield line
        if text in line:
            return


def _started_after(earlier, process_id):
    """Waits for a process that a pool has started since."""
    while not (later := _children(process_id) - earlier):
        time.sleep(0.05)
    return later.pop()


def _children(process_id):
    tasks = pathlib.Path(f"/proc/{process_id}/task").glob("*/children")
    return {int(one) for task in tasks for one in task.read_text().split()}

"""A job service of Beam and a pool of workers, in processes that can be killed."""

import contextlib
import os
import pathlib
import signal
import socket
import subprocess
import sys
import time

import psutil

SERVICE = ("tfx_distill.pipeline.job_service", "--port")
POOL = ("apache_beam.runners.worker.worker_pool_main", "--service_port")
_WORKER_S = 300.0


class _Server:
    """A server in a session of its own, always at the same port."""

    def __init__(self, module, option, folder):
        with socket.create_server(("localhost", 0)) as free:
            self.port = free.getsockname()[1]
        self._log = folder / f"{module.rpartition('.')[2]}.log"
        self._command = [sys.executable, "-m", module, option, str(self.port)]
        self.start()

    def start(self):
        # The pool starts whichever `python` it finds.
        path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
        with open(self._log, "a") as log:
            self._process = subprocess.Popen(
                self._command, env={**os.environ, "PATH": path},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        while not self._answers():
            assert self._process.poll() is None
            time.sleep(0.2)

    def _answers(self):
        with socket.socket() as client:
            return client.connect_ex(("localhost", self.port)) == 0

    def children(self):
        return psutil.Process(self._process.pid).children(recursive=True)

    def kill(self):
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()


class Engine:
    """Both servers; `settings` are those of a run that uses them."""

    def __init__(self, folder):
        self.pool, self.service = _Server(*POOL, folder), _Server(*SERVICE, folder)
        self.settings = [
            "beam.runner=portable",
            f"beam.job_endpoint=localhost:{self.service.port}",
            f"beam.worker_pool=localhost:{self.pool.port}",
        ]

    def kill_worker(self):
        """Kills what works for the pool, as the system does for lack of memory."""
        for worker in self.pool.children():
            worker.kill()

    def kill_service(self):
        """Kills the job service; another one takes its place."""
        self.service.kill()
        self.service.start()

    def wait_for_worker(self, since):
        """Waits until one works that was started after a moment, in seconds since 1970."""
        until = time.monotonic() + _WORKER_S
        while not any(_has_called(one, since) for one in self.pool.children()):
            assert time.monotonic() < until
            time.sleep(0.1)


def _has_called(worker, since):
    try:
        return worker.create_time() >= since and bool(worker.net_connections())
    except psutil.Error:  # it has just ended
        return False


@contextlib.contextmanager
def running(folder):
    engine = Engine(folder)
    try:
        yield engine
    finally:
        engine.pool.kill()
        engine.service.kill()

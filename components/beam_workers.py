"""Beam's worker processes, watched: without this, a run waits for ever for a lost one.

Beam's direct runner starts workers of its own with
`--direct_running_mode=multi_processing`, and its job service has those of a pool. When one
dies, as when the system ends it for lack of memory, nobody answers what it was asked. Here
the open requests are aborted, so that the pipeline fails and the next run tries again.
"""

from __future__ import annotations

import threading
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from tfx_distill.trainer.errors import DistillError

# Within which a worker calls for work once it was asked for; it imports Beam before.
_CALL_S = 300.0


def watch() -> None:
    """Makes the direct runner or the job service of this process notice lost workers."""
    register = worker_handlers.WorkerHandler.register_environment
    register(python_urns.SUBPROCESS_SDK, bytes)(_WatchedWorker)
    worker_handlers.ControlConnection = _WatchedConnection


class _WatchedConnection(worker_handlers.ControlConnection):
    """To a worker, wherever it is, which must call in time and stay."""

    def __init__(self) -> None:
        super().__init__()
        self._never_called = False
        timer = threading.Timer(_CALL_S, self._require_call)
        timer.daemon = True
        timer.start()

    def push(self, request: Any) -> Any:
        future = super().push(request)
        if future is not None and self._is_lost():
            future.abort(_lost())
        return future

    def _read(self) -> None:
        try:
            super()._read()
        finally:
            # Nothing is open when a worker ended because it was told to.
            self.abort(_lost())

    def _require_call(self) -> None:
        servicer = worker_handlers.BeamFnControlServicer
        self._never_called = self._state == servicer.UNSTARTED_STATE
        if self._never_called:
            self.abort(_lost())

    def _is_lost(self) -> bool:
        servicer = worker_handlers.BeamFnControlServicer
        was_there = self._state == servicer.STARTED_STATE
        return self._never_called or (was_there and not self._read_thread.is_alive())


class _WatchedWorker(worker_handlers.SubprocessSdkWorkerHandler):
    """A process that may end before it calls, too."""

    def start_worker(self) -> None:
        super().start_worker()
        threading.Thread(target=self._watch, name="watch_worker", daemon=True).start()

    def push(self, request: Any) -> Any:
        future = super().push(request)
        if not self.worker_thread.is_alive():
            future.abort(_lost())
        return future

    def _watch(self) -> None:
        self.worker_thread.join()
        # Nothing is open when a worker ended because it was told to.
        self.control_conn.abort(_lost())


def _lost() -> DistillError:
    return DistillError(
        "A worker process of Beam ended before its work was done. The log may say why; "
        "give it more memory, or use fewer workers in beam.args, and run again."
    )

"""Beam's worker processes, watched: without this, a run waits for ever for a lost one.

Beam's direct runner starts workers of its own with
`--direct_running_mode=multi_processing`. When one dies, as when the system ends it for
lack of memory, nobody answers what it was asked. Here the open requests are aborted, so
that the pipeline fails and the next run tries again.
"""

from __future__ import annotations

import threading
from typing import Any

from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import worker_handlers

from tfx_distill.trainer.errors import DistillError


def watch() -> None:
    """Makes the direct runner of this process notice lost workers."""
    register = worker_handlers.WorkerHandler.register_environment
    register(python_urns.SUBPROCESS_SDK, bytes)(_WatchedWorker)


class _WatchedWorker(worker_handlers.SubprocessSdkWorkerHandler):
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

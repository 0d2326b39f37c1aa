"""Why a node failed, in one sentence."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from tfx_distill.pipeline import bad_disks
from tfx_distill.trainer.errors import DistillError, Interrupted, causes

_NOTHING_PUSHED = "Nothing was pushed."
# What a failure of the last nodes leaves.
_OUTCOMES = {
    "Pusher": "If the version is in the serving folder already, the same command records "
    "it.",
    "ModelRegistration": "What the Pusher pushed stays pushed, and is not registered. "
    "Run again to register it.",
}
# Of what was asked of a worker that is gone, from Beam's data channel or `beam_workers`.
_LOST_WORKER = ("Channel closed prematurely", "A worker process of Beam ended")


class NodeFailed(DistillError):
    """A node failed. The message names the node and the reason."""


def explained(
    node_id: str, error: BaseException, folders: Mapping[str, str]
) -> DistillError:
    """The failure of a node, in one sentence.

    Args:
        node_id: The node.
        error: What it raised.
        folders: See `bad_disks.folders`.
    """
    chain = list(causes(error))
    outcome = _OUTCOMES.get(node_id, _NOTHING_PUSHED)
    for cause in chain:
        if isinstance(cause, Interrupted):
            return cause
    for cause in chain:
        if isinstance(cause, DistillError):
            return NodeFailed(f"{node_id}: {cause}")
    problem = bad_disks.problem(error, folders)
    if problem:
        return NodeFailed(f"{node_id}: {problem} {outcome} The same command resumes.")
    return NodeFailed(
        f"{node_id} failed: {_reason(error)}. See the log for details. {outcome}"
    )


def _reason(error: BaseException) -> str:
    """The line of an error that says most."""
    if isinstance(error, grpc.FutureTimeoutError):
        return "a server did not answer in time"
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"a call ended as {error.code().name}: {error.details() or 'no details'}"
    if any(said in str(error) for said in _LOST_WORKER):
        return "a worker process of Beam ended before its work was done"
    lines = str(error).strip().splitlines() or ["no message"]
    # A worker's error comes as its traceback.
    is_traceback = "Traceback (most recent call last)" in str(error)
    return f"{type(error).__name__}: {lines[-1 if is_traceback else 0].strip()}"

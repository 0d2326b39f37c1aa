"""Why a node failed, in one sentence."""

from __future__ import annotations

import errno

import grpc

from tfx_distill.trainer.errors import DistillError, Interrupted, causes

_NOTHING_PUSHED = "Nothing was pushed."
# What a failure of the last nodes leaves.
_OUTCOMES = {
    "Pusher": "If the version is in the serving folder already, the same command records "
    "it.",
    "ModelRegistration": "What the Pusher pushed stays pushed, and is not registered. "
    "Run again to register it.",
}


class NodeFailed(DistillError):
    """A node failed. The message names the node and the reason."""


def explained(node_id: str, error: BaseException) -> DistillError:
    """The failure of a node, in one sentence."""
    chain = list(causes(error))
    outcome = _OUTCOMES.get(node_id, _NOTHING_PUSHED)
    for cause in chain:
        if isinstance(cause, Interrupted):
            return cause
    for cause in chain:
        if isinstance(cause, DistillError):
            return NodeFailed(f"{node_id}: {cause}")
    for cause in chain:
        is_full = isinstance(cause, OSError) and cause.errno in (
            errno.ENOSPC,
            errno.EDQUOT,
        )
        if is_full or "No space left on device" in str(cause):
            return NodeFailed(
                f"{node_id}: no space left on the disk. Free some space, or set "
                f"pipeline.root to a folder on another disk. {outcome}"
            )
    return NodeFailed(
        f"{node_id} failed: {_reason(error)}. See the log for details. {outcome}"
    )


def _reason(error: BaseException) -> str:
    """The line of an error that says most."""
    if isinstance(error, grpc.FutureTimeoutError):
        return "a server did not answer in time"
    if isinstance(error, grpc.RpcError) and isinstance(error, grpc.Call):
        return f"a call ended as {error.code().name}: {error.details() or 'no details'}"
    lines = str(error).strip().splitlines() or ["no message"]
    # A worker's error comes as its traceback.
    is_traceback = "Traceback (most recent call last)" in str(error)
    return f"{type(error).__name__}: {lines[-1 if is_traceback else 0].strip()}"

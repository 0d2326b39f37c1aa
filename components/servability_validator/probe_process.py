"""Runs the exported student in a process of its own, which may crash."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping

import numpy as np

import tfx_distill
from tfx_distill.components.servability_validator.output_checks import Replies
from tfx_distill.trainer import timeline
from tfx_distill.trainer.config.servability_config import BATCH_SIZES
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import serving_probe

# What holds the package, in a checkout as when it is installed.
_IMPORT_DIR = pathlib.Path(tfx_distill.__file__).parents[1]

Latency = Mapping[str, Mapping[str, Mapping[str, float]]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Probed:
    """What the process returned.

    Attributes:
        fault: What is wrong with a model; None when all went well.
        replies: To each of `serving_probe.REQUESTS`; empty if the student gave none.
        latency: By model, batch size, and `median_ms` or `p95_ms`.
    """

    fault: str | None
    replies: tuple[Replies, ...] = ()
    latency: Latency = dataclasses.field(default_factory=dict)


@timeline.part("serving")
def run(
    student_dir: str,
    teacher_dir: str | None,
    records: list[bytes],
    images: np.ndarray,
    timeout_s: float,
) -> Probed:
    """Calls every signature of a student, and times it, beside its teacher.

    Args:
        student_dir: SavedModel.
        teacher_dir: SavedModel; None if there is no model of the teacher.
        records: Serialized examples, at least one.
        images: The same decoded, uint8 `(len(records), height, width, channels)`.
        timeout_s: The process is killed after this time. It is a fault if the student
            had half of that for one request, and did not answer.

    Raises:
        DistillError: If the process cannot start TensorFlow, is ended from outside, is
            too slow, or fails by anything that a model did not raise, as for lack of
            memory or disk.
    """
    models = {"student_dir": student_dir, "teacher_dir": teacher_dir}
    request = {**models, "batch_sizes": BATCH_SIZES}
    with tempfile.TemporaryDirectory(prefix="distill-probe-") as folder:
        serving_probe.write_request(folder, request, records, images)
        try:
            ended = _run(folder, timeout_s)
        except _Stopped as stopped:
            raise _environment(str(stopped), _stage(folder)) from None
        except subprocess.TimeoutExpired:
            return _timed_out(folder, timeout_s)
        if ended is None:
            return _result(folder)
        stage = _stage(folder)
        if stage == serving_probe.STARTING:
            raise _environment(ended, stage)
        return Probed(fault=f"the process that serves it {ended} while {stage}")


def _result(folder: str) -> Probed:
    result = json.loads(_read(folder, serving_probe.RESULT))
    return Probed(
        fault=result["fault"], latency=result["latency"], replies=_replies(folder)
    )


class _Stopped(Exception):
    """The process was not ended by a model, but by a person or for lack of memory."""


def _environment(ended: str, stage: str) -> DistillError:
    return DistillError(
        f"The process that serves the student {ended} while {stage}, which is this "
        "machine's fault. The log has the rest; free memory or disk, or raise "
        "servability.timeout_s, and run again."
    )


def _timed_out(folder: str, timeout_s: float) -> Probed:
    """The student's fault, if it was asked and did not answer for half of the time."""
    stage, waited = _stage(folder), _waited_s(folder)
    if stage.startswith(serving_probe.CALLING) and waited >= timeout_s / 2:
        return Probed(fault=f"it gave no answer within {waited:.0f} s while {stage}")
    ended = f"was killed after {timeout_s:g} s (servability.timeout_s)"
    raise _environment(ended, stage)  # a slow machine's, perhaps


def _stage(folder: str) -> str:
    text = _read(folder, serving_probe.STAGE)
    return text.partition("\n")[0] or serving_probe.STARTING


def _waited_s(folder: str) -> float:
    """How long the process has been at its stage; 0 if unknown."""
    since = _read(folder, serving_probe.STAGE).partition("\n")[2]
    return time.monotonic() - float(since) if since else 0.0


def _run(folder: str, timeout_s: float) -> str | None:
    """How the process failed; None if it did not."""
    path = os.pathsep.join([str(_IMPORT_DIR), os.environ.get("PYTHONPATH", "")])
    command = [sys.executable, "-m", serving_probe.__name__, folder]
    process = subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": path.rstrip(os.pathsep)},
        timeout=timeout_s,
        check=False,
    )
    if process.returncode == 0:
        return None
    if process.returncode == serving_probe.MACHINE_FAULT:
        raise _Stopped("failed, and not by a model,")
    if process.returncode < 0:
        name = signal.Signals(-process.returncode).name
        if -process.returncode in (signal.SIGKILL, signal.SIGTERM, signal.SIGINT):
            raise _Stopped(f"was ended by {name}")
        return f"crashed with {name}"
    return f"ended with status {process.returncode}"


def _read(folder: str, name: str) -> str:
    path = os.path.join(folder, name)
    if not os.path.exists(path):
        return ""
    with open(path, encoding="utf-8") as file:
        return file.read()


def _replies(folder: str) -> tuple[Replies, ...]:
    path = os.path.join(folder, serving_probe.PREDICTIONS)
    if not os.path.exists(path):
        return ()
    found: list[dict[str, np.ndarray]] = [{} for _ in serving_probe.REQUESTS]
    with np.load(path, allow_pickle=False) as arrays:
        for name, values in arrays.items():
            number, output = name.split("/", 1)
            found[int(number)][output] = values
    return tuple(
        Replies(requests=str(requests), rows=outputs.pop("rows"), outputs=outputs)
        for requests, outputs in zip(serving_probe.REQUESTS, found, strict=True)
    )

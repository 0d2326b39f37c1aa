"""The process that loads a student as a server would, run by `python -m`.

It does not import the code that trained the student. So it detects a model that only
its trainer can load, and a model that crashes does not end the run. It reads and writes
one folder, its only argument:

    request.json     `student_dir`, `teacher_dir`, `batch_sizes`
    inputs.npz       `examples`: uint8 bytes of all records; `ends`: where each ends;
                     `images`: uint8 `(n, height, width, channels)`
    stage.txt        the current step, to be read if the process dies
    predictions.npz  `SIGNATURE/OUTPUT`: the student's output for all inputs
    result.json      `fault`: what is wrong with a model, or null; `latency`: by model,
                     batch size and then `median_ms` or `p95_ms`
"""

from __future__ import annotations

import errno
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

REQUEST, INPUTS, STAGE = "request.json", "inputs.npz", "stage.txt"
PREDICTIONS, RESULT = "predictions.npz", "result.json"
# A failure at this stage says nothing about the models.
STARTING = "starting TensorFlow"
# Exit status if memory or disk is exhausted, which says nothing about them either.
EXHAUSTED = 75
SIGNATURES = {"serving_default": "examples", "predict_images": "images"}
OUTPUTS = ("class", "logits", "probabilities")
_TIMED = "predict_images"
_PREDICT_BATCH = 64
_EXHAUSTED_ERRNOS = {
    errno.ENOSPC,
    errno.EDQUOT,
    errno.ENOMEM,
    errno.EMFILE,
    errno.ENFILE,
    errno.EIO,
}
_WARM_UP, _MIN_ROUNDS, _MAX_ROUNDS, _MAX_SECONDS = 10, 20, 200, 5.0


class Fault(Exception):
    """What is wrong with a model."""


class Probe:
    """Serves one request, step by step."""

    def __init__(self, folder: str) -> None:
        self._folder = folder

    def run(self) -> None:
        self._stage(STARTING)
        import tensorflow as tf

        self._tf = tf
        with open(self._path(REQUEST), encoding="utf-8") as file:
            request = json.load(file)
        fault, latency = None, {}
        try:
            student = self._load("student", request["student_dir"])
            predictions = self._predictions(student, _inputs(self._folder))
            np.savez(self._path(PREDICTIONS), **predictions)
            models = {"student": student}
            if request["teacher_dir"] is not None:
                models["teacher"] = self._load("teacher", request["teacher_dir"])
            latency = self._latency(models, request["batch_sizes"])
        except Fault as error:
            fault = str(error)
        self._write(RESULT, json.dumps({"fault": fault, "latency": latency}))

    def _load(self, role: str, model_dir: str) -> Any:
        self._stage(f"loading the {role}")
        try:
            return self._tf.saved_model.load(model_dir)
        # TensorFlow raises exceptions of many types.
        except Exception as error:
            if is_exhaustion(error):
                raise
            raise Fault(f"the {role} does not load: {_reason(error)}") from error

    def _predictions(
        self, student: Any, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        predictions = {}
        for name, argument in SIGNATURES.items():
            self._stage(f"calling {name}")
            predict = self._signature(student, name, "student")
            given = inputs[argument]
            batches = [
                predict(given[start : start + _PREDICT_BATCH])
                for start in range(0, len(given), _PREDICT_BATCH)
            ]
            for output in OUTPUTS:
                joined = np.concatenate([batch[output].numpy() for batch in batches])
                predictions[f"{name}/{output}"] = joined
        return predictions

    def _signature(
        self, loaded: Any, name: str, role: str
    ) -> Callable[[np.ndarray], dict[str, Any]]:
        """A function from a batch to all outputs."""
        signatures = getattr(loaded, "signatures", {})
        if name not in signatures:
            found = ", ".join(sorted(signatures)) or "none"
            raise Fault(f"the {role} has no signature {name}, found {found}")
        function, argument = signatures[name], SIGNATURES[name]
        takes = sorted(function.structured_input_signature[1])
        if takes != [argument]:
            raise Fault(
                f"{name} of the {role} takes {', '.join(takes)}, expected {argument}"
            )
        returns = sorted(function.structured_outputs)
        missing = [output for output in OUTPUTS if output not in returns]
        if missing:
            raise Fault(
                f"{name} of the {role} returns {', '.join(returns)}, expected also "
                f"{', '.join(missing)}"
            )

        def predict(batch: np.ndarray) -> dict[str, Any]:
            try:
                return function(**{argument: self._tf.constant(batch)})
            except Exception as error:
                if is_exhaustion(error):
                    raise
                raise Fault(f"{name} of the {role} fails: {_reason(error)}") from error

        return predict

    def _latency(
        self, models: Mapping[str, Any], batch_sizes: list[int]
    ) -> dict[str, dict[str, dict[str, float]]]:
        """Times the models in turn, so that a busy machine slows all of them."""
        images = _inputs(self._folder)["images"]
        calls = {
            role: self._signature(loaded, _TIMED, role)
            for role, loaded in models.items()
        }
        latency: dict[str, dict[str, dict[str, float]]] = {name: {} for name in calls}
        for size in batch_sizes:
            self._stage(f"timing {size} images")
            batch = images[np.arange(size) % len(images)]
            for role, times in _timed(calls, batch).items():
                latency[role][str(size)] = {
                    "median_ms": round(float(np.median(times)), 4),
                    "p95_ms": round(float(np.percentile(times, 95)), 4),
                }
        return latency

    def _stage(self, text: str) -> None:
        self._write(STAGE, text)

    def _write(self, name: str, text: str) -> None:
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _timed(
    calls: Mapping[str, Callable[[np.ndarray], dict[str, Any]]], batch: np.ndarray
) -> dict[str, list[float]]:
    """Milliseconds of each call by name, after a warm-up."""
    times: dict[str, list[float]] = {name: [] for name in calls}
    began = time.perf_counter()
    for number in range(_WARM_UP + _MAX_ROUNDS):
        if number == _WARM_UP:
            began = time.perf_counter()
            times = {name: [] for name in calls}
        for name, call in calls.items():
            start = time.perf_counter()
            call(batch)["probabilities"].numpy()
            times[name].append((time.perf_counter() - start) * 1000)
        enough = number >= _WARM_UP + _MIN_ROUNDS - 1
        if enough and time.perf_counter() - began > _MAX_SECONDS:
            break
    return times


def write_request(
    folder: str, request: Mapping[str, Any], records: list[bytes], images: np.ndarray
) -> None:
    """Writes the process's input; `records` and `images` are the same images."""
    with open(os.path.join(folder, REQUEST), "w", encoding="utf-8") as file:
        json.dump(request, file)
    np.savez(
        os.path.join(folder, INPUTS),
        # An array of objects would need pickle, which can run code.
        examples=np.frombuffer(b"".join(records), np.uint8),
        ends=np.cumsum([len(record) for record in records]),
        images=images,
    )


def _inputs(folder: str) -> dict[str, np.ndarray]:
    with np.load(os.path.join(folder, INPUTS), allow_pickle=False) as arrays:
        joined, ends = arrays["examples"].tobytes(), arrays["ends"]
        starts = [0, *ends[:-1]]
        records = [joined[a:b] for a, b in zip(starts, ends, strict=True)]
        return {"examples": np.array(records, object), "images": arrays["images"]}


def is_exhaustion(error: Exception) -> bool:
    """Whether the machine ran out of memory or disk."""
    if isinstance(error, OSError):
        return error.errno in _EXHAUSTED_ERRNOS
    # By name, because the caller may not have loaded TensorFlow.
    names = {kind.__name__ for kind in type(error).__mro__}
    return bool(names & {"MemoryError", "ResourceExhaustedError"})


def main(folder: str) -> int:
    """Serves one request; returns the exit status."""
    try:
        Probe(folder).run()
    except Exception as error:
        if not is_exhaustion(error):
            raise
        traceback.print_exc()
        return EXHAUSTED
    return 0


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0][:300].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

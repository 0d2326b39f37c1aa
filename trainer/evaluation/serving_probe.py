"""The process that loads a student as a server would, run by `python -m`.

It does not import the code that trained the student. So it detects a model that only
its trainer can load, and a model that crashes does not end the run. It reads and writes
one folder, its only argument:

    request.json     `student_dir`, `teacher_dir`, `batch_sizes`
    inputs.npz       `examples`: uint8 bytes of all records; `ends`: where each ends;
                     `images`: uint8 `(n, height, width, channels)`
    stage.txt        the current step, and in the next line since when, by the monotonic
                     clock in seconds; to be read if the process dies
    predictions.npz  `NUMBER/SIGNATURE/OUTPUT`: the student's output for the inputs of
                     `REQUESTS[NUMBER]`, in the order of the inputs; `NUMBER/rows`: which
    result.json      `fault`: what is wrong with a model, or null; `latency`: by model,
                     batch size and then `median_ms` or `p95_ms`
"""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from tfx_distill.trainer import model_faults

REQUEST, INPUTS, STAGE = "request.json", "inputs.npz", "stage.txt"
PREDICTIONS, RESULT = "predictions.npz", "result.json"
# A failure at this stage says nothing about the models.
STARTING = "starting TensorFlow"
# At these, one is waiting for the student.
CALLING = "calling "
# Exit status after an error that is not a model's, such as a full disk.
MACHINE_FAULT = 75
SIGNATURES = {"serving_default": "examples", "predict_images": "images"}
# And what students of earlier versions lack; tested where it is offered.
ARGUMENTS = {**SIGNATURES, "predict_files": "image_bytes"}
OUTPUTS = ("class", "logits", "probabilities")
_TIMED = "predict_images"
# Inputs in small requests, as single ones take long; a multiple of 3, so that requests
# of 3 leave none over for a smaller one.
_MOST_IN_SMALL_REQUESTS = 63
_WARM_UP, _MIN_ROUNDS, _MAX_ROUNDS, _MAX_SECONDS = 10, 20, 200, 5.0


@dataclasses.dataclass(frozen=True)
class Requests:
    """How inputs are sent: a server gets them in any number and order.

    Attributes:
        sizes: Number of inputs in each request, taken in turn.
        shuffled: Whether they are sent in another order.
        again: Whether the same was asked before.
    """

    sizes: tuple[int, ...]
    shuffled: bool = False
    again: bool = False

    def __str__(self) -> str:
        sizes = " to ".join(map(str, sorted({min(self.sizes), max(self.sizes)})))
        images = "image" if self.sizes == (1,) else "images"
        order = "shuffled" if self.shuffled else "in order"
        again = ", again" if self.again else ""
        return f"{sizes} {images} per request, {order}{again}"

    def rows(self, num_inputs: int) -> np.ndarray:
        """Which inputs are sent, int `(num_sent,)`, in their order."""
        rows = np.arange(num_inputs)
        if self.shuffled:
            np.random.default_rng(num_inputs).shuffle(rows)
        return rows if min(self.sizes) >= 64 else rows[:_MOST_IN_SMALL_REQUESTS]

    def split(self, rows: np.ndarray) -> Iterator[np.ndarray]:
        """Yields the rows of each request."""
        start = 0
        for size in itertools.cycle(self.sizes):
            if start >= len(rows):
                return
            yield rows[start : start + size]
            start += size


# The first is what all others are compared with.
REQUESTS = (
    Requests((64,)),
    Requests((64,), again=True),
    Requests((64,), shuffled=True),
    Requests((3,)),
    Requests((3,), shuffled=True),
    Requests((1,)),
    Requests((1,), shuffled=True),
    Requests((17, 2, 5, 11, 7, 16, 6), shuffled=True),
)


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
            inputs = _inputs(self._folder)
            files = [tf.io.encode_png(image).numpy() for image in inputs["images"]]
            inputs["image_bytes"] = np.array(files, object)
            predictions = self._predictions(student, inputs)
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
        except Exception as error:
            if not model_faults.is_model_fault(error):
                raise
            raise Fault(f"the {role} does not load: {_reason(error)}") from error

    def _predictions(
        self, student: Any, inputs: Mapping[str, np.ndarray]
    ) -> dict[str, np.ndarray]:
        predictions: dict[str, np.ndarray] = {}
        for name, argument in self._called(student).items():
            predict, given = self._signature(student, name, "student"), inputs[argument]
            for number, requests in enumerate(REQUESTS):
                rows, replies = requests.rows(len(given)), []
                for sent in requests.split(rows):
                    self._stage(f"{CALLING}{name} with {requests}")
                    replies.append(predict(given[sent]))
                predictions[f"{number}/rows"] = np.sort(rows)
                for output in OUTPUTS:
                    joined = np.concatenate([reply[output] for reply in replies])
                    predictions[f"{number}/{name}/{output}"] = joined[np.argsort(rows)]
        return predictions

    def _called(self, student: Any) -> dict[str, str]:
        there = {*SIGNATURES, *getattr(student, "signatures", ())}
        return {name: ARGUMENTS[name] for name in ARGUMENTS if name in there}

    def _signature(
        self, loaded: Any, name: str, role: str
    ) -> Callable[[np.ndarray], dict[str, np.ndarray]]:
        """A function from a batch to all outputs, one row for each of its inputs."""
        signatures = getattr(loaded, "signatures", {})
        if name not in signatures:
            found = ", ".join(sorted(signatures)) or "none"
            raise Fault(f"the {role} has no signature {name}, found {found}")
        function, argument = signatures[name], ARGUMENTS[name]
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

        def predict(batch: np.ndarray) -> dict[str, np.ndarray]:
            given = self._tf.constant(batch)
            try:
                found = function(**{argument: given})
                outputs = {output: found[output].numpy() for output in OUTPUTS}
            except Exception as error:
                if not model_faults.is_model_fault(error):
                    raise
                raise Fault(f"{name} of the {role} fails: {_reason(error)}") from error
            for output, values in outputs.items():
                if values.shape[:1] != (len(batch),):
                    raise Fault(
                        f"{name} of the {role} gives {output} of shape {values.shape} "
                        f"for {len(batch)} inputs"
                    )
            return outputs

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
        self._write(STAGE, f"{text}\n{time.monotonic()}")

    def _write(self, name: str, text: str) -> None:
        with open(self._path(name), "w", encoding="utf-8") as file:
            file.write(text)

    def _path(self, name: str) -> str:
        return os.path.join(self._folder, name)


def _timed(
    calls: Mapping[str, Callable[[np.ndarray], dict[str, np.ndarray]]],
    batch: np.ndarray,
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
            call(batch)
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


def main(folder: str) -> int:
    """Serves one request; returns the exit status."""
    try:
        Probe(folder).run()
    except Exception:  # a model's faults are in the result
        traceback.print_exc()
        return MACHINE_FAULT
    return 0


def _reason(error: Exception) -> str:
    text = str(error).strip().split("\n")[0][:300].rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))

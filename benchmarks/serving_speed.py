"""How much faster than its teacher is a served student?

Calls SavedModels by their signatures, and LiteRT files in LiteRT's interpreter, in one
process with one thread, in turn. The models are those of `--teacher` and `--student`, or
new ones of the default architectures, whose speed is the same. Prints JSON: milliseconds
of the processor, and the student's as a ratio to the teacher's.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping
from typing import Any

from measurement import figure, in_turn, machine, ratios

_SHAPE, _CLASSES = (28, 28, 1), tuple("0123456789")
_BATCHES = (1, 64)
_AT_MOST = {"student, 64 images": 0.25, "int8, 1 image": 0.05}
# Calls that are timed as one: a single one is shorter than the clock's noise.
_CALLS = 20

Work = Callable[[], Any]


def measure(
    rounds: int, teacher: str | None = None, student: str | None = None
) -> dict[str, object]:
    """Returns the result as a dictionary.

    Args:
        rounds: Number of times that each work is timed.
        teacher: Folder of a SavedModel; None: a new one.
        student: As `teacher`.
    """
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        folders = {"teacher": teacher, "student": student}
        for role in folders:
            folders[role] = folders[role] or _export(os.path.join(folder, role), role)
        works = _works(folders)
    # Of the processor: a busy machine would tell more of itself than of the models.
    repeated = {name: _repeated(work) for name, work in works.items()}
    seconds = in_turn(repeated, rounds, time.process_time)
    return {
        "figures": [
            figure(name, [1000 * s / _CALLS for s in found], "ms")
            for name, found in seconds.items()
        ]
        + list(_ratios(seconds)),
        **machine("tensorflow", "keras"),
    }


def _ratios(seconds: Mapping[str, list[float]]) -> Any:
    """Each work of the student's as a ratio to the teacher's on as many images."""
    for name, found in seconds.items():
        role, _, request = name.partition(", ")
        if role != "teacher":
            others = seconds[f"teacher, {request.removesuffix(' each alone')}"]
            goal = _AT_MOST.get(name)
            yield figure(f"{name} / teacher", ratios(found, others), at_most=goal)


def _export(folder: str, role: str) -> str:
    """Writes a new model of the default architecture of a role."""
    from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
    from tfx_distill.trainer.data.data_spec import DataSpec
    from tfx_distill.trainer.export import saved_model
    from tfx_distill.trainer.models import architectures

    config = TeacherConfig() if role == "teacher" else StudentConfig()
    spec = DataSpec(
        dataset="noise", version="", image_shape=_SHAPE, class_names=_CLASSES,
        num_examples={},
    )  # fmt: skip
    model = architectures.build(config.model, _SHAPE, len(_CLASSES))
    saved_model.save(
        model, folder, role=role, spec=spec, config={}, history={}, seconds=0.0
    )
    return folder


def _works(folders: Mapping[str, str]) -> dict[str, Work]:
    """What is timed, by name: who, and how many images."""
    import numpy as np
    import tensorflow as tf

    loaded = {role: tf.saved_model.load(folder) for role, folder in folders.items()}
    shape = _image_shape(loaded["student"])
    pixels = np.random.default_rng(0).integers(
        0, 256, (max(_BATCHES), *shape), np.uint8
    )
    works: dict[str, Work] = {}
    predictors = _lite(loaded["student"], pixels)
    for size in _BATCHES:
        images = tf.constant(pixels[:size])
        records = tf.constant(_records(pixels[:size]))
        request = f"{size} image{'s' * (size > 1)}"
        for role, model in loaded.items():
            works[f"{role}, {request}"] = _call(
                model.signatures["predict_images"], images=images
            )
            works[f"{role}, {request} as records"] = _call(
                model.signatures["serving_default"], examples=records
            )
        alone = request if size == 1 else f"{request} each alone"
        for flavour, predictor in predictors.items():
            works[f"{flavour}, {alone}"] = functools.partial(
                predictor.predict, pixels[:size]
            )
    return works


def _image_shape(model: Any) -> tuple[int, ...]:
    taken = model.signatures["predict_images"].structured_input_signature[1]
    return tuple(taken["images"].shape[1:])


def _records(pixels: Any) -> list[bytes]:
    import tensorflow as tf

    records = []
    for image in pixels:
        example = tf.train.Example()
        feature = example.features.feature["image"]
        feature.bytes_list.value.append(tf.io.encode_png(image).numpy())
        records.append(example.SerializeToString())
    return records


def _call(function: Any, **arguments: Any) -> Work:
    """A request: the answer is as a client gets it."""

    def call() -> None:
        for values in function(**arguments).values():
            values.numpy()

    return call


def _lite(model: Any, pixels: Any) -> dict[str, Any]:
    """LiteRT's interpreter by flavour; it takes images one at a time."""
    from tfx_distill.trainer.config.lite_config import LITE_FLAVOURS
    from tfx_distill.trainer.export import lite

    return {
        flavour: lite.LitePredictor(lite.convert(model, flavour, pixels))
        for flavour in LITE_FLAVOURS
    }


def _repeated(work: Work) -> Work:
    def repeat() -> None:
        for _ in range(_CALLS):
            work()

    return repeat


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=25)
    parser.add_argument("--teacher", help="folder of a SavedModel")
    parser.add_argument("--student", help="folder of a SavedModel")
    parser.add_argument("--smoke", action="store_true", help="three rounds")
    args = parser.parse_args(arguments)
    rounds = 3 if args.smoke else args.rounds
    print(json.dumps(measure(rounds, args.teacher, args.student), indent=2))


if __name__ == "__main__":
    main()

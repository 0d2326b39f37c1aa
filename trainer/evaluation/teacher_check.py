"""Is a teacher that exists already used as it is meant to be? Measured on labels.

A teacher that is fed other pixels, or whose outputs are taken for other classes, answers
near chance. So it is scored as it is declared, and then with one setting changed at a
time: one that is significantly better on the same images is a likely mistake.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfx_distill.trainer.config.examples_config import PROBABILITIES
from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import chance, teacher_alternatives
from tfx_distill.trainer.evaluation.teacher_alternatives import (
    Alternative,
    Declared,
)
from tfx_distill.trainer.export import model_interface, pixel_scaling
from tfx_distill.trainer.export.imported_model import ImportedModel
from tfx_distill.trainer.export.model_sources import ModelSource
from tfx_distill.trainer.export.saved_model_files import Origin

MAX_IMAGES = 3000  # known to a percentage point
_SEARCHED = 1000  # images on which the range of pixels is found
_SAMPLE = 64  # images on which probabilities are told from logits
_KEY = "teacher.imported"


@dataclasses.dataclass(frozen=True, kw_only=True)
class TeacherCheck:
    """What was measured of a teacher.

    Attributes:
        teacher: Its file, folder or function.
        accuracy: As declared, in [0, 1].
        num_images: Number of images of `eval`.
        chance: Accuracy that the same predictions, shuffled, would have.
        is_near_chance: See `chance.Agreement`.
        settings: How it is used, by keys of `teacher.imported`.
        found: What was found out rather than declared, each a sentence.
        alternatives: The best first.
        mistakes: What is likely wrong, each a sentence with what to set.
    """

    teacher: str
    accuracy: float
    num_images: int
    chance: float
    is_near_chance: bool
    settings: dict[str, Any]
    found: tuple[str, ...]
    alternatives: tuple[Alternative, ...] = ()
    mistakes: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The accuracy in a sentence."""
        return (
            f"Accuracy {self.accuracy:.4f} on {self.num_images:,} images of eval, by "
            f"chance {self.chance:.4f}."
        )

    def origin(self, digest: str) -> Origin:
        """Where the teacher comes from, with the SHA-256 of its files."""
        return Origin(
            place=self.teacher,
            digest=digest,
            accuracy=self.accuracy,
            num_images=self.num_images,
            found=self.found,
        )

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2)

    def require_fit(self) -> None:
        """Refuses a teacher near chance, or with outputs that are not as declared.

        Raises:
            ModelError: In one line with the likely mistake.
        """
        if not self.is_near_chance and not self.mistakes:
            return
        near = " That is near chance." if self.is_near_chance else ""
        likely = " ".join(self.mistakes) or (
            "No other setting is better: check that the teacher knows these classes."
        )
        raise ModelError(
            f"Teacher in {self.teacher}: {self.summary}{near} {likely} "
            "`distill teacher check` shows more."
        )


def sample(split: Split) -> tuple[np.ndarray, np.ndarray]:
    """Images and labels of a split, at most `MAX_IMAGES`, evenly spread over it."""
    chosen = example_reader.spread(MAX_IMAGES, len(split))
    return split.images[chosen], split.labels[chosen]


def settle(
    source: ModelSource,
    spec: DataSpec,
    config: ImportedConfig,
    images: np.ndarray,
    labels: np.ndarray,
) -> tuple[ImportedModel, ImportedConfig, list[str]]:
    """Makes a teacher of a model, and finds out what the configuration leaves open.

    Returns:
        The teacher, the settings with nothing left open, and what was found, each a
        sentence.

    Raises:
        ModelError: As `ImportedModel`.
    """
    found = []
    taken = source.image_input(config)
    if config.pixel_range is None and taken is not None and taken.dtype.is_floating:
        known, reason = source.pixel_range, source.reason
        if known is None:
            known, reason = _best_range(source, spec, config, images, labels)
        config = config.replace(pixel_range=known)
        found.append(f"pixel_range is {known}: {reason}.")
    model = ImportedModel(source, spec, config, images[:_SAMPLE])
    if config.output_values is None:
        values = model.adapted.output_values
        sums = "rows sum to 1" if values == PROBABILITIES else "rows do not sum to 1"
        found.append(f"output_values are {values}: {sums}.")
    if config.image_shape is None and model.image_shape != tuple(spec.image_shape):
        shape = " x ".join(map(str, model.image_shape))
        found.append(f"image_shape is {shape}: that of its input.")
    settings = {
        "image_shape": model.image_shape,
        "signature": model.adapted.interface.signature,
        "output": model.adapted.interface.output,
        "output_values": model.adapted.output_values,
        "classes": config.classes or source.class_names or None,
    }
    return model, config.replace(**settings), found


def _best_range(
    source: ModelSource,
    spec: DataSpec,
    config: ImportedConfig,
    images: np.ndarray,
    labels: np.ndarray,
) -> tuple[str, str]:
    """The range of pixels with the best accuracy, and why.

    The best under whichever order of classes: that may be wrong as well.
    """
    images, labels = images[:_SEARCHED], labels[:_SEARCHED]
    accuracies, scores = {}, {}
    for name in pixel_scaling.ranges(source.image_shape(config, spec)[0][2]):
        one = config.replace(pixel_range=name)
        predicted = ImportedModel(source, spec, one, images[:_SAMPLE]).classes(images)
        found = chance.measure(predicted, labels, spec.num_classes)
        accuracies[name], scores[name] = found.accuracy, found.best_accuracy
    best = max(scores, key=lambda name: scores[name])
    others = ", ".join(f"{v:.4f} with {k}" for k, v in accuracies.items() if k != best)
    return best, f"accuracy on eval {accuracies[best]:.4f}, {others}"


def check(
    source: ModelSource,
    spec: DataSpec,
    config: ImportedConfig,
    images: np.ndarray,
    labels: np.ndarray,
    *,
    thorough: bool = True,
) -> tuple[ImportedModel, TeacherCheck]:
    """Measures a teacher.

    Args:
        source: The model.
        spec: The data.
        config: What is declared of the model, with `classes` as a list.
        images: uint8 `(num_images, height, width, channels)`, at least one.
        labels: int `(num_images,)`, class indices.
        thorough: Tries the alternatives, also for a teacher that is not near chance.

    Raises:
        ModelError: If the model cannot be called.
    """
    model, settled, found = settle(source, spec, config, images, labels)
    declared = Declared(
        source=source, spec=spec, config=settled, model=model, images=images,
        labels=labels,
    )  # fmt: skip
    predicted = model.classes(images)
    wrong = tuple(_wrong_values(model, config, images))
    measured = _measured(declared, predicted, tuple(found), wrong)
    if not thorough and not measured.is_near_chance:
        return model, measured
    tried = teacher_alternatives.score(declared, predicted)
    # The others that are better may only come nearer to the same right setting.
    likely = [_mistake(one) for one in tried[:1] if one.is_likely]
    return model, dataclasses.replace(
        measured, alternatives=tuple(tried), mistakes=(*wrong, *likely)
    )


def _measured(
    declared: Declared,
    predicted: np.ndarray,
    found: tuple[str, ...],
    mistakes: tuple[str, ...],
) -> TeacherCheck:
    agreement = chance.measure(predicted, declared.labels, declared.spec.num_classes)
    return TeacherCheck(
        teacher=declared.source.where,
        accuracy=agreement.accuracy,
        num_images=agreement.num_examples,
        chance=agreement.chance,
        is_near_chance=agreement.is_near_chance,
        settings=declared.config.model_dump(exclude={"weights"}),
        found=found,
        mistakes=mistakes,
    )


def _mistake(better: Alternative) -> str:
    why = f"with {_KEY}.{better.text} the accuracy is {better.accuracy:.4f}"
    if better.setting == "classes":
        why = f"its outputs look like another order of classes: {why}"
    return f"Likely mistake: {why}."


def _wrong_values(
    model: ImportedModel, config: ImportedConfig, images: np.ndarray
) -> Iterator[str]:
    """What speaks against the declared kind of outputs: it changes no class."""
    declared = config.output_values
    values = model.values(images[:_SAMPLE])
    interface = model.adapted.interface
    seen = model_interface.seen_values(values)
    if declared in (None, seen) or seen is None:
        return
    sums = values.sum(axis=1)
    yield (
        f"Likely mistake: output_values are declared as {declared}, and rows of the "
        f"output {interface.output} sum to {sums.min():.3f} to {sums.max():.3f} with "
        f"values from {values.min():.3g} to {values.max():.3g}: set "
        f"{_KEY}.output_values: {seen}."
    )

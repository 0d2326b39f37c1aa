"""How else a teacher could be meant to be used: each setting changed alone, and scored."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.evaluation import chance, comparison
from tfx_distill.trainer.export import pixel_scaling
from tfx_distill.trainer.export.imported_model import ImportedModel
from tfx_distill.trainer.export.model_sources import ModelSource
from tfx_distill.trainer.progress import Progress, report

LEVEL = 0.01  # of a test
_CHOICES: dict[str, tuple[str, ...]] = {
    "interpolation": ("bilinear", "nearest", "bicubic"),
    "fit": ("crop", "pad", "stretch"),
}
_SHOWN_CLASSES = 12


@dataclasses.dataclass(frozen=True, kw_only=True)
class Alternative:
    """One setting changed.

    Attributes:
        setting: The key in `teacher.imported`.
        value: Its other value.
        accuracy: In [0, 1].
        difference: To the accuracy as declared, on the same images.
        p_value: Two-sided, see `paired_interval.Estimate`, times the number of
            alternatives.
    """

    setting: str
    value: Any
    accuracy: float
    difference: float
    p_value: float

    @property
    def is_likely(self) -> bool:
        """Whether it is significantly better."""
        return self.difference > 0 and self.p_value < LEVEL

    @property
    def text(self) -> str:
        """The setting as in a configuration file."""
        if not isinstance(self.value, list | tuple):
            return f"{self.setting}: {self.value}"
        items = [str(item) for item in self.value[:_SHOWN_CLASSES]]
        more = ["…"] * (len(self.value) > _SHOWN_CLASSES)
        return f"{self.setting}: [{', '.join(items + more)}]"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Declared:
    """A teacher as it is declared, and the labelled images that it is measured on.

    Attributes:
        source: The model.
        spec: The data.
        config: Settings with nothing left open.
        model: Made of these.
        images: uint8 `(num_images, height, width, channels)`.
        labels: int `(num_images,)`, class indices.
    """

    source: ModelSource
    spec: DataSpec
    config: ImportedConfig
    model: ImportedModel
    images: np.ndarray
    labels: np.ndarray


def score(declared: Declared, predicted: np.ndarray) -> list[Alternative]:
    """Scores every alternative, the best first.

    Args:
        declared: The teacher.
        predicted: The classes that it predicts, int `(num_images,)`.
    """
    correct = predicted == declared.labels
    pairs: list[tuple[str, Any, np.ndarray, np.ndarray]] = []
    changes = list(_changes(declared))
    for number, (setting, value) in enumerate(changes):
        report(Progress("trying other settings", number, len(changes), setting))
        classes = _classes(declared, setting, value)
        if classes is not None:
            pairs.append((setting, value, classes == declared.labels, correct))
    order = _order(declared, predicted) if declared.model.columns.is_order else None
    pairs += [order] if order else []
    results = [
        (setting, value, comparison.paired(changed, as_declared))
        for setting, value, changed, as_declared in pairs
    ]
    found = [
        Alternative(
            setting=setting,
            value=value,
            accuracy=result.accuracy,
            difference=result.difference,
            p_value=min(1.0, result.p_value * len(results)),
        )
        for setting, value, result in results
    ]
    return sorted(found, key=lambda one: -one.difference)


def _changes(declared: Declared) -> Iterator[tuple[str, Any]]:
    """Key and value of each setting that could be another, except the classes' order."""
    config, own = declared.config, declared.model.image_shape
    taken = declared.source.image_input(config)
    if taken is not None and taken.dtype.is_floating:
        for name in pixel_scaling.ranges(own[2]):
            if name != config.pixel_range:
                yield "pixel_range", name
    if own[2] == 3:
        order = config.channel_order or pixel_scaling.default_order(config.pixel_range)
        yield "channel_order", "rgb" if order == "bgr" else "bgr"
    (height, width, _), (own_height, own_width, _) = declared.spec.image_shape, own
    resized = (height, width) != (own_height, own_width)
    for key, values in _CHOICES.items():
        differs = (
            resized
            if key == "interpolation"
            else (height * own_width != width * own_height)
        )
        yield from ((key, v) for v in values if differs and v != getattr(config, key))
    if declared.model.takes_any_size:
        sizes = {(height, width), (2 * own_height, 2 * own_width)}
        sizes |= {(own_height // 2, own_width // 2)} - {(0, 0)}
        for size in sorted(sizes - {(own_height, own_width)}):
            yield "image_shape", (*size, own[2])


def _classes(declared: Declared, setting: str, value: Any) -> np.ndarray | None:
    """What the changed teacher predicts; None if it cannot be called so."""
    config = declared.config.replace(**{setting: value})
    try:
        model = ImportedModel(
            declared.source, declared.spec, config, declared.images[:1]
        )
        return model.classes(declared.images)
    except (ModelError, ValueError, tf.errors.OpError):
        return None


def _order(
    declared: Declared, predicted: np.ndarray
) -> tuple[str, Any, np.ndarray, np.ndarray] | None:
    """The order of classes that fits the outputs best; None: the declared one.

    It is chosen on every second image and scored on the others.
    """
    names = declared.spec.class_names
    labels, kept = declared.labels[::2], declared.labels[1::2]
    found = chance.measure(predicted[::2], labels, len(names))
    meant = np.array(found.best_order)
    if (meant == np.arange(len(names))).all():
        return None
    order = [""] * len(names)
    for place, (output,) in enumerate(declared.model.columns.columns):
        order[output] = names[meant[place]]
    correct = predicted[1::2] == kept
    return "classes", order, meant[predicted[1::2]] == kept, correct

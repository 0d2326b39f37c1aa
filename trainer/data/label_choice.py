"""Which images of `train` keep their label, if only some of each class do."""

from __future__ import annotations

import collections
import dataclasses

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import canonical_images
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.raw_images import Source


def form(source: Source, data: DataConfig, image_shape: tuple[int, int, int]) -> Form:
    """What a source's images are brought to, and where they go.

    Raises:
        DataError: If a file that holds many images is damaged.
    """
    all_labels = Form(image_shape, data.fit, source.cut)
    if data.labels_per_class is None:
        return all_labels
    chosen = _first_of_each(source, all_labels, data.labels_per_class)
    return dataclasses.replace(all_labels, labelled=chosen)


def _first_of_each(source: Source, all_labels: Form, number: int) -> frozenset[str]:
    """Names of the first images of each class in `train`, in the source's order.

    Reads no further than it must: no later label has any effect.
    """
    names: set[str] = set()
    counts: collections.Counter[int] = collections.Counter()
    items = source.items("train")
    for fact, _ in canonical_images.convert(iter(items), all_labels):
        if fact.split == "train" and counts[fact.label] < number:
            counts[fact.label] += 1
            names.add(fact.name)
            if len(names) == number * len(source.class_names):
                break
    return frozenset(names)

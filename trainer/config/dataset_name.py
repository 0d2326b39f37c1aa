"""What a data set is called. Loads no pydantic, as commands that list runs want it."""

from __future__ import annotations

import os

LIST_SUFFIXES = (".csv", ".tsv", ".jsonl", ".ndjson", ".json")


def dataset_name(images: str | None, dataset: str) -> str:
    """The name of the folder or file of images, or of the TFDS data set.

    Args:
        images: `data.images`.
        dataset: `data.dataset`.
    """
    if images is None:
        return dataset
    name = os.path.basename(os.path.abspath(os.path.expanduser(images)))
    stem, suffix = os.path.splitext(name)
    return stem if suffix.lower() in LIST_SUFFIXES else name

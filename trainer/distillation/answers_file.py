"""A teacher that is only a file: the answers of any framework, or of people, by image.

Parquet with a string column `key` and either a column for each class, named by it, or
one list column `logits`, `probabilities` or `votes`; or NPZ with the arrays `keys`, one
of these three, `(num_images, num_classes)`, and perhaps `classes`, the columns' names.
"""

from __future__ import annotations

import os
import zipfile
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from pyarrow import compute, parquet

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.examples_config import (
    LOGITS,
    PROBABILITIES,
    PROBABILITY_FLOOR,
)
from tfx_distill.trainer.config.training_config import ANSWERS_KINDS
from tfx_distill.trainer.data import image_keys
from tfx_distill.trainer.errors import DataError

_SUM_TOLERANCE = 0.01  # of probabilities that were rounded to three digits
_NAMED = 3  # keys or classes that a message names


class Answers(NamedTuple):
    """A teacher's answers.

    Attributes:
        keys: One for each image, all different.
        logits: float32 `(num_images, num_classes)`, in the data's order of classes;
            log(max(p, 1e-7)) where the file has probabilities p.
        kind: What the file has: `logits`, `probabilities` or `votes`.
    """

    keys: list[str]
    logits: np.ndarray
    kind: str


class _Content(NamedTuple):
    """What a file holds; `kind` is None and `classes` is empty if it does not say."""

    keys: list[str]
    values: np.ndarray
    kind: str | None
    classes: tuple[str, ...]


def read(path: str, kind: str | None, class_names: Sequence[str]) -> Answers:
    """Reads and checks a file of answers.

    Args:
        path: The file, `.parquet` or `.npz`.
        kind: What it has, one of `ANSWERS_KINDS`; None: as it says itself.
        class_names: Of the data, in label order.

    Raises:
        DataError: If it is unreadable, ambiguous, of other classes, or holds a key
            twice or a value that cannot be.
    """
    is_parquet = os.path.splitext(path)[1].lower() == ".parquet"
    with file_system.read_locally(path) as local:
        try:
            content = (_parquet if is_parquet else _npz)(local, class_names)
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            reason = " ".join(str(error).split())
            raise DataError(
                f"teacher.answers: {path} cannot be read ({reason}). Give Parquet or NPZ "
                "as docs/your-own.md describes it."
            ) from error
    try:
        _require_distinct(content.keys)
        values = _in_order(content, class_names)
        kind = _kind(content, values, kind)
        return Answers(content.keys, _logits(content.keys, values, kind), kind)
    except ValueError as error:
        raise DataError(f"teacher.answers: {path} {error}.") from None


def some(names: Sequence[str]) -> str:
    """The first names of many."""
    return ", ".join(names[:_NAMED]) + ", …" * (len(names) > _NAMED)


def _parquet(path: str, class_names: Sequence[str]) -> _Content:
    table = parquet.read_table(path)
    keys = table["key"].cast(pa.string())
    if keys.null_count:
        raise ValueError(f"{keys.null_count:,} keys are null")
    found = [kind for kind in ANSWERS_KINDS if kind in table.column_names]
    if len(found) == 1 and found[0] not in class_names:
        values = _matrix(table[found[0]].combine_chunks())
        return _Content(keys.to_pylist(), values, found[0], ())
    # Columns that `distill data keys` wrote may stay.
    ignored = set(image_keys.COLUMNS) - set(class_names) | {"key"}
    classes = tuple(name for name in table.column_names if name not in ignored)
    columns = [table[name].to_numpy() for name in classes]
    if not columns:
        raise ValueError("it has no column of a class, and none of logits")
    return _Content(keys.to_pylist(), np.stack(columns, axis=1), None, classes)


def _matrix(lists: pa.Array) -> np.ndarray:
    """Values of lists of one length, `(num_images, length)`."""
    lengths = compute.unique(compute.list_value_length(lists)).to_pylist()
    if len(lengths) != 1 or None in lengths:
        raise ValueError(f"its lists have different lengths: {lengths[:_NAMED]}")
    flat = lists.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(lists), lengths[0])


def _npz(path: str, class_names: Sequence[str]) -> _Content:
    with np.load(path, allow_pickle=False) as arrays:
        found = [kind for kind in ANSWERS_KINDS if kind in arrays]
        if len(found) != 1:
            raise ValueError(f"it has {found or list(arrays)}, expected one of "
                             f"{', '.join(ANSWERS_KINDS)}")  # fmt: skip
        keys, values = arrays["keys"], arrays[found[0]]
        classes = arrays["classes"].astype(str).tolist() if "classes" in arrays else ()
    if values.ndim != 2 or keys.shape != values.shape[:1] or keys.dtype.kind != "U":
        raise ValueError(
            f"keys are {keys.dtype} {keys.shape}, values {values.shape}, expected "
            "strings (n,) and (n, num_classes)"
        )
    return _Content(keys.tolist(), values, found[0], tuple(classes))


def _require_distinct(keys: Sequence[str]) -> None:
    names, counts = np.unique(np.array(keys, object), return_counts=True)
    twice = names[counts > 1].tolist()
    if twice:
        raise ValueError(f"has {len(twice):,} keys more than once ({some(twice)})")


def _in_order(content: _Content, class_names: Sequence[str]) -> np.ndarray:
    """The values with their columns in the data's order, float64."""
    if content.values.dtype.kind not in "fiu":
        raise ValueError(f"holds values of type {content.values.dtype}, not numbers")
    values = content.values.astype(np.float64)
    expected = f"the data has {len(class_names):,} ({some(class_names)})"
    if not content.classes:
        if values.shape[1] == len(class_names):
            return values
        raise ValueError(f"answers with {values.shape[1]:,} classes, {expected}")
    missing = [name for name in class_names if name not in content.classes]
    foreign = [name for name in content.classes if name not in class_names]
    if missing or foreign or len(content.classes) != len(class_names):
        raise ValueError(
            f"has {len(content.classes):,} classes, {expected}: "
            f"missing {some(missing) or 'none'}, unknown {some(foreign) or 'none'}"
        )
    return values[:, [content.classes.index(name) for name in class_names]]


def _kind(content: _Content, values: np.ndarray, given: str | None) -> str:
    if given and content.kind and given != content.kind:
        raise ValueError(f"has {content.kind}, teacher.answers_kind is {given}")
    kind = given or content.kind
    if kind is None:
        if not _broken_sums(values).any() and (values >= 0).all():
            return PROBABILITIES
        raise ValueError(
            "has a column for each class that are no probabilities, which sum to 1: "
            "set teacher.answers_kind to logits or votes"
        )
    return kind


def _broken_sums(values: np.ndarray) -> np.ndarray:
    return ~(np.abs(values.sum(axis=1) - 1) <= _SUM_TOLERANCE)


def _logits(keys: Sequence[str], values: np.ndarray, kind: str) -> np.ndarray:
    """float32 logits; raises ValueError for values that cannot be of this kind."""

    def require(broken: np.ndarray, what: str) -> None:
        rows = np.flatnonzero(broken)
        if rows.size:
            example = np.array2string(values[rows[0]], precision=4, threshold=5)
            raise ValueError(
                f"has {what} for {rows.size:,} of {len(keys):,} images, the first is "
                f"{keys[rows[0]]}: {example}"
            )

    require(~np.isfinite(values).all(axis=1), "values that are not finite")
    if kind == LOGITS:
        return values.astype(np.float32)
    require((values < 0).any(axis=1), f"negative {kind}")
    if kind == PROBABILITIES:
        require(_broken_sums(values), "probabilities that do not sum to 1")
    else:
        require((values % 1 != 0).any(axis=1), "votes that are no integers")
        require(values.sum(axis=1) == 0, "no votes at all")
    shares = values / values.sum(axis=1, keepdims=True)
    return np.log(np.maximum(shares, PROBABILITY_FLOOR)).astype(np.float32)

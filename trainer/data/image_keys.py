"""The key of each image, by which answers of another framework are joined to examples.

An ExampleGen of ours writes them as `image_keys.parquet` beside the examples, in the
order of the records; `distill data keys` makes them without a run.
"""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
from pyarrow import csv, parquet

from tfx_distill.trainer import file_system
from tfx_distill.trainer.data.raw_images import ALL_SPLITS
from tfx_distill.trainer.errors import DataError

if TYPE_CHECKING:
    from tfx_distill.trainer.data.image_facts import Facts

FILE_NAME = "image_keys.parquet"
COLUMNS = ("key", "split", "label", "class", "height", "width")


def table(facts: Facts, class_names: Sequence[str]) -> pa.Table:
    """Makes the table of all images that can be used.

    Args:
        facts: Of each image, in the order in which the examples are written.
        class_names: In label order.

    Returns:
        `key`: string, the image's name; `split`: string; `label`: int32, a class index
        or -1 if it has none; `class`: string, null if it has none; `height`, `width`:
        int32, of the image in pixels before it was fitted.
    """
    names = np.array([*class_names, None], object)  # the last one is that of -1
    columns = (
        pa.array(facts.names, pa.string()),
        pa.array(np.array(ALL_SPLITS, object)[facts.splits], pa.string()),
        pa.array(facts.labels, pa.int32()),
        pa.array(names[facts.labels], pa.string()),
        pa.array(facts.heights, pa.int32()),
        pa.array(facts.widths, pa.int32()),
    )
    return pa.table(dict(zip(COLUMNS, columns, strict=True)))


def save(keys: pa.Table, path: str) -> None:
    """Writes a table of keys, as CSV if the path ends so, else as Parquet."""
    buffer = io.BytesIO()  # remote files lack methods that pyarrow calls
    write = csv.write_csv if path.lower().endswith(".csv") else parquet.write_table
    write(keys, buffer)
    with file_system.open_file(path, "wb") as file:
        file.write(buffer.getvalue())


def as_csv(keys: pa.Table) -> str:
    """The table as CSV, with a line of names."""
    buffer = io.BytesIO()
    csv.write_csv(keys, buffer)
    return buffer.getvalue().decode()


def load(examples_dir: str) -> pa.Table:
    """Reads the keys of an Examples artifact.

    Raises:
        DataError: If it has none.
    """
    path = os.path.join(examples_dir, FILE_NAME)
    if not file_system.exists(path):
        raise DataError(
            f"Examples in {examples_dir} have no {FILE_NAME}: another ExampleGen or an "
            "earlier version wrote them. Run with --set pipeline.cache=false once, so "
            "that this version's ExampleGen writes them."
        )
    with file_system.open_file(path, "rb") as file:
        return parquet.read_table(io.BytesIO(file.read()))


def sizes_of_split(keys: pa.Table, split: str) -> np.ndarray:
    """Pixels of each image of a split before it was fitted, int64, in record order.

    Raises:
        DataError: If an earlier version wrote the keys, without sizes.
    """
    if "height" not in keys.column_names:
        raise DataError(
            f"{FILE_NAME} of an earlier version has no sizes. Run with --set "
            "pipeline.cache=false once, so that this version's ExampleGen writes them."
        )
    inside = keys.filter(pa.compute.equal(keys["split"], split))
    height, width = (inside[side].to_numpy() for side in ("height", "width"))
    return height.astype(np.int64) * width


def of_split(keys: pa.Table, split: str) -> tuple[list[str], np.ndarray]:
    """Keys and labels of a split, in the order of its records; labels are int32."""
    inside = keys.filter(pa.compute.equal(keys["split"], split))
    return inside["key"].to_pylist(), inside["label"].to_numpy()

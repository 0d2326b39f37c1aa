"""The rows of a CSV, TSV or JSON-lines file that lists images."""

from __future__ import annotations

import csv
import pathlib
from collections.abc import Iterable, Iterator, Mapping

from tfx_distill.trainer import structured_text
from tfx_distill.trainer.config.dataset_name import LIST_SUFFIXES
from tfx_distill.trainer.errors import DataError


def read(path: pathlib.Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yields each row with its number in the file, from 1.

    Raises:
        DataError: If it is not such a file.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix.lower() in (".csv", ".tsv"):
                yield from _csv_rows(path, file)
            else:
                yield from _json_rows(path, file)
    except UnicodeDecodeError:
        raise DataError(
            f"data.images: {path} is not UTF-8 text, expected a CSV or JSON-lines file "
            f"({', '.join(LIST_SUFFIXES)}). Give one, or a folder."
        ) from None


def _csv_rows(
    path: pathlib.Path, file: Iterable[str]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    reader = csv.DictReader(
        file, delimiter="\t" if path.suffix.lower() == ".tsv" else ","
    )
    columns = reader.fieldnames or ()
    if not {"path", "label"} <= set(columns):
        raise DataError(
            f"data.images: {path} has the columns {', '.join(columns) or 'none'}, "
            "expected path, label and, if you like, split. Name them in the first line."
        )
    for values in reader:
        yield reader.line_num, values


def _json_rows(
    path: pathlib.Path, file: Iterable[str]
) -> Iterator[tuple[int, Mapping[str, object]]]:
    for row, line in enumerate(file, start=1):
        if not line.strip():
            continue
        try:
            values = structured_text.from_json(line)
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise DataError(
                f"data.images: {path}, line {row} is not a JSON object, expected one "
                'with path and label, as {"path": "a.jpg", "label": "cat"}. Correct it.'
            )
        yield row, {key: _text(value) for key, value in values.items()}


def _text(value: object) -> object:
    return None if value is None else str(value)  # a label may be 0

"""The images in a folder of classes, or in a CSV or JSON-lines file: names and labels.

A folder holds `CLASS/*`, or `train/CLASS/*` with `eval` and `test` beside it. No image
is opened here.
"""

from __future__ import annotations

import collections
import csv
import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.config.dataset_name import LIST_SUFFIXES
from tfx_distill.trainer.errors import DataError

_SPLIT_NAMES = {
    "train": "train", "training": "train",
    "eval": "eval", "val": "eval", "valid": "eval", "validation": "eval",
    "test": "test", "testing": "test",
}  # fmt: skip
# What may be a photo by its name; the content decides. HEIC is listed to be refused: the
# photos of a telephone must not vanish in silence.
_SUFFIXES = ("", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp",
    ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif",
    ".avif")  # fmt: skip
_LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")
_COLUMNS = ("path", "label", "split")


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """One image by name.

    Attributes:
        path: Relative to the root, or absolute.
        label: Name of its class.
        split: `train`, `eval` or `test`.
        size_bytes: Of the file; 0 if unknown.
    """

    path: str
    label: str
    split: str
    size_bytes: int = 0


@dataclasses.dataclass(frozen=True)
class Listing:
    """All images of a data set.

    Attributes:
        root: Folder to which paths are relative.
        images: In no particular order.
        class_names: In label order: alphabetical, or numerical if all are numbers.
        given: Splits that the folder or file itself has.
        ignored: Number of files that are no photos by their name, by suffix.
    """

    root: str
    images: tuple[ListedImage, ...]
    class_names: tuple[str, ...]
    given: frozenset[str]
    ignored: Mapping[str, int]


def find(data: DataConfig) -> Listing:
    """Lists the images of `data.images`.

    Raises:
        DataError: If it is neither such a folder nor such a file.
    """
    path = pathlib.Path(os.path.expanduser(str(data.images))).absolute()
    if path.is_dir():
        listing = _folder(path)
    elif path.is_file():
        listing = _file(path)
    else:
        raise DataError(
            f"data.images: {path} does not exist. Give a folder of classes, or a CSV or "
            "JSON-lines file with the columns path and label."
        )
    if not listing.images:
        raise DataError(
            f"data.images: {path} holds no images, expected CLASS/*.jpg, "
            "train/CLASS/*.jpg, or another image format. Correct the folder."
        )
    return listing


def _folder(root: pathlib.Path) -> Listing:
    folders = {entry.name: entry.path for entry in _visible(root) if entry.is_dir()}
    ignored: collections.Counter[str] = collections.Counter()
    images: list[ListedImage] = []
    splits = _split_folders(root, folders)
    classes = set()  # also empty ones, which are refused later
    for name, folder in folders.items():
        split = splits.get(name, "train")
        for label, path in _classes(folder) if splits else [(name, folder)]:
            classes.add(label)
            for file in _files(path, ignored):
                relative = os.path.relpath(file.path, root)
                size_bytes = file.stat().st_size
                images.append(ListedImage(relative, label, split, size_bytes))
    return _listing(root, images, classes, frozenset(splits.values()), ignored)


def _split_folders(root: pathlib.Path, folders: Mapping[str, str]) -> dict[str, str]:
    """Our split for each folder, or nothing if the folders are classes."""
    splits = {
        name: _SPLIT_NAMES[name.lower()]
        for name in folders
        if name.lower() in _SPLIT_NAMES
    }
    # A class may be called train: then its folder holds images, not folders.
    if "train" not in splits.values() or not all(
        any(_classes(folders[name])) for name in splits
    ):
        return {}
    others = sorted(folders.keys() - splits.keys())
    if others or len(set(splits.values())) < len(splits):
        raise DataError(
            f"data.images: {root} holds the folders {', '.join(sorted(folders))}, "
            "expected train, eval and test, or one folder for each class. Rename or "
            "move the others."
        )
    return splits


def _classes(folder: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.path) for entry in _visible(folder) if entry.is_dir()]


def _files(
    folder: str, ignored: collections.Counter[str]
) -> Iterator[os.DirEntry[str]]:
    """Yields what may be a photo, also in folders below."""
    for entry in _visible(folder):
        if entry.is_dir():
            yield from _files(entry.path, ignored)
            continue
        suffix = os.path.splitext(entry.name)[1].lower()
        if suffix in _SUFFIXES:
            yield entry
        else:
            ignored[suffix] += 1


def _visible(folder: str | os.PathLike[str]) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return [
                entry
                for entry in entries
                if not entry.name.startswith(".") and entry.name.lower() not in _LITTER
            ]
    except OSError as error:
        raise DataError(
            f"data.images: {folder} cannot be read ({error.strerror}). Make it readable."
        ) from None


def _file(path: pathlib.Path) -> Listing:
    images = []
    given = set()
    for row, values in _rows(path):
        found = {key: str(values.get(key) or "").strip() for key in _COLUMNS}
        split = _SPLIT_NAMES.get(found["split"].lower())
        if not found["path"] or not found["label"] or (found["split"] and not split):
            raise DataError(
                f"data.images: {path}, row {row}: received {found}, expected a path, a "
                "label, and train, eval, test or nothing as split. Correct the row."
            )
        if split:
            given.add(split)
        size_bytes = _size_bytes(path.parent / found["path"])
        images.append(
            ListedImage(found["path"], found["label"], split or "train", size_bytes)
        )
    classes = {image.label for image in images}
    return _listing(path.parent, images, classes, frozenset(given), {})


def _size_bytes(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the report names it
        return 0


def _rows(path: pathlib.Path) -> Iterator[tuple[int, Mapping[str, object]]]:
    """Yields each row with its number in the file, from 1."""
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
            values = json.loads(line)
        except json.JSONDecodeError:
            values = None
        if not isinstance(values, dict):
            raise DataError(
                f"data.images: {path}, line {row} is not a JSON object, expected one "
                'with path and label, as {"path": "a.jpg", "label": "cat"}. Correct it.'
            )
        yield row, {key: _text(value) for key, value in values.items()}


def _text(value: object) -> object:
    return None if value is None else str(value)  # a label may be 0


def _listing(
    root: pathlib.Path,
    images: Iterable[ListedImage],
    classes: set[str],
    given: frozenset[str],
    ignored: Mapping[str, int],
) -> Listing:
    if all(name.isdecimal() for name in classes):
        ordered = sorted(classes, key=lambda name: (int(name), name))
    else:
        ordered = sorted(classes)
    return Listing(str(root), tuple(images), tuple(ordered), given, dict(ignored))

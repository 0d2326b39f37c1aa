"""The images in a folder of classes, or in a CSV or JSON-lines file: names and labels.

A folder holds `CLASS/*`, or `train/CLASS/*` with `eval`, `test` and `unlabelled` beside
it. No image is opened here.
"""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeAlias

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import list_rows
from tfx_distill.trainer.data.raw_images import UNLABELLED
from tfx_distill.trainer.errors import DataError

_SPLIT_NAMES = {
    "train": "train", "training": "train",
    "eval": "eval", "val": "eval", "valid": "eval", "validation": "eval",
    "test": "test", "testing": "test",
    "unlabelled": UNLABELLED, "unlabeled": UNLABELLED,
}  # fmt: skip
# What may be a photo by its name; the content decides. HEIC is listed to be refused: the
# photos of a telephone must not vanish in silence.
_SUFFIXES = ("", ".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".apng", ".gif", ".bmp",
    ".dib", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".heic", ".heif",
    ".avif")  # fmt: skip
_LITTER = ("thumbs.db", "desktop.ini", "__macosx", "@eadir")
_COLUMNS = ("path", "label", "split")
_Counts: TypeAlias = "collections.Counter[str]"


@dataclasses.dataclass(frozen=True)
class ListedImage:
    """One image by name.

    Attributes:
        path: Relative to the root, or absolute.
        label: Name of its class; empty in the split `unlabelled`.
        split: One of `raw_images.ALL_SPLITS`.
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
    path = _absolute(str(data.images))
    unlabelled = data.splits.unlabelled and _absolute(data.splits.unlabelled)
    if path.is_dir():
        listing = _folder(path, unlabelled or None)
    elif path.is_file():
        listing = _file(path, unlabelled or None)
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


def _absolute(path: str) -> pathlib.Path:
    return pathlib.Path(os.path.abspath(os.path.expanduser(path)))


def _folder(root: pathlib.Path, unlabelled: pathlib.Path | None) -> Listing:
    folders = {
        entry.name: entry.path
        for entry in _visible(root)
        if entry.is_dir() and entry.path != str(unlabelled)
    }
    ignored: _Counts = collections.Counter()
    images = _unlabelled(root, unlabelled, ignored)
    splits = _split_folders(root, folders)
    classes = set()  # also empty ones, which are refused later
    for name, folder in folders.items():
        split = splits.get(name, "train")
        if split == UNLABELLED:
            images += _images(root, folder, "", split, ignored)
            continue
        for label, path in _classes(folder) if splits else [(name, folder)]:
            classes.add(label)
            images += _images(root, path, label, split, ignored)
    return _listing(root, images, classes, frozenset(splits.values()), ignored)


def _unlabelled(
    root: pathlib.Path, folder: pathlib.Path | None, ignored: _Counts
) -> list[ListedImage]:
    """The images of `data.splits.unlabelled`, whatever its folders are called."""
    if folder is None:
        return []
    images = _images(root, str(folder), "", UNLABELLED, ignored)
    if not images:
        raise DataError(
            f"data.splits.unlabelled: {folder} holds no images. Correct the folder."
        )
    return images


def _images(
    root: pathlib.Path, folder: str, label: str, split: str, ignored: _Counts
) -> list[ListedImage]:
    return [
        ListedImage(os.path.relpath(file, root), label, split, file.stat().st_size)
        for file in files(folder, ignored)
    ]


def _split_folders(root: pathlib.Path, folders: Mapping[str, str]) -> dict[str, str]:
    """Our split for each folder, or nothing if the folders are classes."""
    splits = {
        name: _SPLIT_NAMES[name.lower()]
        for name in folders
        if name.lower() in _SPLIT_NAMES
    }
    # A class may be called train: then its folder holds images, not folders.
    if "train" not in splits.values() or not all(
        any(_classes(folders[name]))
        for name, split in splits.items()
        if split != UNLABELLED
    ):
        return {}
    others = sorted(folders.keys() - splits.keys())
    if others or len(set(splits.values())) < len(splits):
        raise DataError(
            f"data.images: {root} holds the folders {', '.join(sorted(folders))}, "
            "expected train, eval, test and unlabelled, or one folder for each class. "
            "Rename or move the others."
        )
    return splits


def _classes(folder: str) -> list[tuple[str, str]]:
    return [(entry.name, entry.path) for entry in _visible(folder) if entry.is_dir()]


def files(folder: str, ignored: _Counts) -> Iterator[os.DirEntry[str]]:
    """Yields what may be a photo, also in folders below."""
    for entry in _visible(folder):
        if entry.is_dir():
            yield from files(entry.path, ignored)
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
            f"Folder {folder} cannot be read ({error.strerror}). Make it readable."
        ) from None


def _file(path: pathlib.Path, unlabelled: pathlib.Path | None) -> Listing:
    ignored: _Counts = collections.Counter()
    images = _unlabelled(path.parent, unlabelled, ignored)
    given = set()
    for row, values in list_rows.read(path):
        found = {key: str(values.get(key) or "").strip() for key in _COLUMNS}
        split = _row_split(found)
        if split is None:
            raise DataError(
                f"data.images: {path}, row {row}: received {found}, expected a path, a "
                "label unless it is unlabelled, and train, eval, test, unlabelled or "
                "nothing as split. Correct the row."
            )
        if found["split"]:
            given.add(split)
        label = "" if split == UNLABELLED else found["label"]
        size_bytes = _size_bytes(path.parent / found["path"])
        images.append(ListedImage(found["path"], label, split, size_bytes))
    classes = {image.label for image in images if image.split != UNLABELLED}
    return _listing(path.parent, images, classes, frozenset(given), ignored)


def _row_split(found: Mapping[str, str]) -> str | None:
    """Our split for a row; None if the row is wrong."""
    if not found["path"]:
        return None
    if not found["split"]:
        return "train" if found["label"] else UNLABELLED
    split = _SPLIT_NAMES.get(found["split"].lower())
    return split if found["label"] or split == UNLABELLED else None


def _size_bytes(path: pathlib.Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # the report names it
        return 0


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

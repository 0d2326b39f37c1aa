"""The files of a SavedModel: its card, its size, and what it is known by.

Needs no TensorFlow, so that a command reads them at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.trainer.data.data_spec import DataSpec

# TensorFlow Serving ignores this folder of a SavedModel; tools may use it.
EXTRA_DIR = "assets.extra"
KERAS_FILE = os.path.join(EXTRA_DIR, "model.keras")
_CARD_FILE = os.path.join(EXTRA_DIR, "model_card.json")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """What a model says of itself; lies inside its SavedModel.

    Attributes:
        role: `teacher` or `student`.
        spec: The data it was trained on.
        num_parameters: Number of weights, trainable and not.
        config: Resolved sections of the configuration that it was trained with.
        history: Values by name, one for each epoch.
        seconds: Wall time of the training.
        versions: Of Python and the libraries that trained it.
    """

    role: str
    spec: DataSpec
    num_parameters: int
    config: Mapping[str, Any]
    history: Mapping[str, list[float]]
    seconds: float
    versions: Mapping[str, str]

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        fields = json.loads(text)
        fields["spec"] = DataSpec.from_json(json.dumps(fields["spec"]))
        return cls(**fields)


def write_card(card: ModelCard, model_dir: str) -> None:
    """Puts a card into a SavedModel."""
    path = os.path.join(model_dir, _CARD_FILE)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(card.to_json())


def read_card(model_dir: str) -> ModelCard | None:
    """The card inside a SavedModel; None for a model that is not ours."""
    try:
        with open(os.path.join(model_dir, _CARD_FILE), encoding="utf-8") as file:
            return ModelCard.from_json(file.read())
    except FileNotFoundError:
        return None


def saved_model_bytes(model_dir: str) -> int:
    """Size of what a server loads: all files but those in `assets.extra`."""
    return sum(os.path.getsize(path) for _, path in _files(model_dir, served=True))


def content_digest(model_dir: str) -> str:
    """SHA-256 of the weights and the graph of a SavedModel, hexadecimal."""
    return _digest(_files(model_dir, served=True))


def folder_digest(folder: str) -> str:
    """SHA-256 of all files in a folder and their names, hexadecimal."""
    return _digest(_files(folder, served=False))


def _digest(files: Iterator[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for name, path in files:
        digest.update(name.encode())
        with open(path, "rb") as file:
            digest.update(hashlib.sha256(file.read()).digest())
    return digest.hexdigest()


def _files(top: str, *, served: bool) -> Iterator[tuple[str, str]]:
    """Relative name and path of each file in a folder, always in the same order."""
    for folder, folders, names in os.walk(top):
        if served and EXTRA_DIR in folders:
            folders.remove(EXTRA_DIR)
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            yield os.path.relpath(path, top), path

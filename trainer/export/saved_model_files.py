"""The files of a SavedModel: its card, its size and its digest.

Needs no TensorFlow for local folders, so that commands read them at once.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any

from tfx_distill.trainer import file_system
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError

# TensorFlow Serving ignores this folder of a SavedModel; tools may use it.
EXTRA_DIR = "assets.extra"
KERAS_FILE = os.path.join(EXTRA_DIR, "model.keras")
WEIGHTS_FILE = os.path.join(EXTRA_DIR, "model.weights.h5")
_CARD_FILE = os.path.join(EXTRA_DIR, "model_card.json")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Source:
    """The function that built a model. With the weights, it builds the model again.

    Attributes:
        function: Its dotted path.
        options: Its further arguments.
        code: SHA-256 of its file, hexadecimal; empty without a file.
    """

    function: str
    options: Mapping[str, Any]
    code: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a model that was not trained here comes from.

    Attributes:
        place: Its file, folder or function.
        digest: SHA-256 of its files, hexadecimal.
        accuracy: On `eval`, in [0, 1].
        num_images: Number of images that this was measured on.
        found: What was found out of how it is called, each a sentence.
    """

    place: str
    digest: str
    accuracy: float
    num_images: int
    found: tuple[str, ...] = ()

    def __str__(self) -> str:
        return f"imported from {self.place}, SHA-256 {self.digest[:12]}"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelCard:
    """Metadata of a model, stored inside its SavedModel.

    Attributes:
        role: `teacher`, `student`, `assistant` or `control`.
        spec: The data it was trained on.
        num_parameters: Number of weights, trainable and not.
        config: Configuration sections used for training, resolved.
        history: Values by name, one for each epoch.
        seconds: Wall time of the training.
        versions: Versions of Python and the libraries used for training.
        source: What builds the model again; None in cards of earlier versions, of
            ensembles and of imported models.
        origins: Where the model comes from, or the members of an ensemble do, that
            were not trained here.
        precision: What its layers computed in while it was trained.
    """

    role: str
    spec: DataSpec
    num_parameters: int
    config: Mapping[str, Any]
    history: Mapping[str, list[float]]
    seconds: float
    versions: Mapping[str, str]
    source: Source | None = None
    origins: tuple[Origin, ...] = ()
    precision: str = "float32"

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> ModelCard:
        fields = json.loads(text)
        fields["spec"] = DataSpec.from_json(json.dumps(fields["spec"]))
        if fields.get("source"):
            fields["source"] = Source(**fields["source"])
        fields["origins"] = tuple(
            Origin(**{**values, "found": tuple(values.get("found", ()))})
            for values in fields.get("origins", ())
        )
        return cls(**fields)


def write_card(card: ModelCard, model_dir: str) -> None:
    """Puts a card into a SavedModel."""
    file_system.make_folder(os.path.join(model_dir, EXTRA_DIR))
    with file_system.open_file(os.path.join(model_dir, _CARD_FILE), "w") as file:
        file.write(card.to_json())


def read_card(model_dir: str) -> ModelCard | None:
    """The card inside a SavedModel; None for a model that is not ours."""
    try:
        with file_system.open_file(os.path.join(model_dir, _CARD_FILE)) as file:
            return ModelCard.from_json(file.read())
    except FileNotFoundError:
        return None


def saved_model_bytes(model_dir: str) -> int:
    """Size of what a server loads: all files but those in `assets.extra`."""
    served = file_system.files(model_dir, skipped=(EXTRA_DIR,))
    return sum(file_system.size_bytes(path) for _, path in served)


def content_digest(model_dir: str) -> str:
    """SHA-256 of the weights and the graph of a SavedModel, hexadecimal.

    Raises:
        ModelError: If the folder is missing or holds no file: a digest of nothing
            would be every such folder's.
    """
    return _digest(model_dir, skipped=(EXTRA_DIR,))


def folder_digest(folder: str) -> str:
    """SHA-256 of all files in a folder and their names; errors as `content_digest`."""
    return _digest(folder)


def source_digest(path: str) -> str:
    """`file_system.digest` of a file, or `folder_digest`."""
    is_folder = file_system.is_folder(path)
    return folder_digest(path) if is_folder else file_system.digest(path)


def _digest(folder: str, skipped: tuple[str, ...] = ()) -> str:
    digest = hashlib.sha256()
    empty = True
    for name, path in file_system.files(folder, skipped):
        empty = False
        digest.update(name.encode())
        digest.update(bytes.fromhex(file_system.digest(path)))
    if empty:
        raise ModelError(
            f"No files in {folder}, expected a model. Check that the folder exists and "
            "can be read, then run again."
        )
    return digest.hexdigest()

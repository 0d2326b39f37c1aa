"""JSON files of artifacts, free of control characters. Needs no TensorFlow."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator
from typing import Any

from tfx_distill.pipeline.inspection import object_stores
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, cleaned
from tfx_distill.trainer import file_system, structured_text

_LOCAL = "file://"
_CARD = "Format-Serving/assets.extra/model_card.json"


def local_path(uri: str) -> pathlib.Path | None:
    """Where a uri's files are on this machine; None if they are elsewhere."""
    path = uri.removeprefix(_LOCAL)
    return None if file_system.is_remote(path) else pathlib.Path(path)


def load_text(artifact: ArtifactRecord, name: str) -> str:
    """The content of one of an artifact's files, wherever they are.

    Raises:
        OSError: If the file is missing, or cannot be read from here.
        ValueError: If it is not text.
    """
    folder = local_path(artifact.uri)
    if folder is not None:
        return structured_text.read_file(folder / name)
    return object_stores.current().read(artifact, name).decode()


def load_json(artifact: ArtifactRecord, name: str) -> dict[str, Any]:
    """A JSON object among an artifact's files; errors as `load_text`, also for others."""
    return json_object(load_text(artifact, name), f"{artifact.uri}/{name}")


def read_json(folder: pathlib.Path, name: str) -> dict[str, Any] | None:
    """A JSON object in a folder of this machine; None if there is none."""
    try:
        return json_object(structured_text.read_file(folder / name), str(folder / name))
    except (OSError, ValueError):
        return None


def model_card(artifact: ArtifactRecord) -> dict[str, Any]:
    """A model's own description; empty for models of other pipelines."""
    try:
        return load_json(artifact, _CARD)
    except (OSError, ValueError):
        return {}


def read_card(folder: pathlib.Path) -> dict[str, Any] | None:
    """As `model_card`, by the folder of a Model artifact; None if there is none."""
    return read_json(folder, _CARD)


@contextlib.contextmanager
def opened(
    artifact: ArtifactRecord, whole: str | None = None
) -> Iterator[pathlib.Path]:
    """A folder with an artifact's files; of those elsewhere, see `mirrored`.

    Raises:
        OSError: If they cannot be read from here.
    """
    folder = local_path(artifact.uri)
    if folder is not None:
        yield folder
        return
    with object_stores.current().mirrored(artifact, whole) as mirror:
        yield mirror


def json_object(text: str, place: str) -> dict[str, Any]:
    """The JSON object that a text is.

    Raises:
        ValueError: If it is none; names its place.
    """
    content = structured_text.from_json(text)
    if isinstance(content, dict):
        return dict(cleaned(content))
    raise ValueError(f"{place} is not a JSON object")

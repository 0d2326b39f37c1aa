"""JSON files of artifacts, free of control characters. Needs no TensorFlow."""

from __future__ import annotations

import pathlib
from typing import Any

from tfx_distill.pipeline.mlmd.records import ArtifactRecord, cleaned
from tfx_distill.trainer import structured_text

_LOCAL = "file://"
_CARD = "Format-Serving/assets.extra/model_card.json"


def local_path(uri: str) -> pathlib.Path | None:
    """Where a uri's files are on this machine; None if they are elsewhere."""
    path = uri.removeprefix(_LOCAL)
    return None if "://" in path else pathlib.Path(path)


def load_json(folder: str, name: str) -> dict[str, Any]:
    """A JSON object in an artifact's folder.

    Raises:
        OSError: If the file is missing.
        ValueError: If it does not hold a JSON object.
    """
    path = pathlib.Path(folder.removeprefix(_LOCAL), name)
    content = structured_text.from_json(structured_text.read_file(path))
    if isinstance(content, dict):
        return cleaned(content)
    raise ValueError(f"{path} is not a JSON object")


def read_json(folder: str, name: str) -> dict[str, Any] | None:
    """As `load_json`; None instead of an error."""
    try:
        return load_json(folder, name)
    except (OSError, ValueError):
        return None


def model_card(artifact: ArtifactRecord) -> dict[str, Any]:
    """A model's own description; empty for models of other pipelines."""
    return read_card(artifact.uri) or {}


def read_card(folder: str) -> dict[str, Any] | None:
    """As `model_card`, by the folder of a Model artifact; None if there is none."""
    return read_json(folder, _CARD)

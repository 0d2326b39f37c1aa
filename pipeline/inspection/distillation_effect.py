"""What a run with controls tells of distillation: its headroom, and its gain."""

from __future__ import annotations

import zipfile
from typing import TYPE_CHECKING

from tfx_distill.components import property_names
from tfx_distill.pipeline.inspection import artifact_files
from tfx_distill.pipeline.mlmd.records import ArtifactRecord, Graph

if TYPE_CHECKING:
    from tfx_distill.trainer.evaluation.headroom import Headroom


def headroom(graph: Graph, run: str) -> Headroom | None:
    """The teacher against all controls of a run.

    Returns:
        None without a control that recorded it, or if a file is not on this machine.
    """
    controls = _controls(graph, run)
    if not controls:
        return None
    # SciPy takes as long to import as the whole of `distill explain`.
    from tfx_distill.trainer.evaluation import headroom as teacher_headroom

    folders = [artifact_files.local_path(one.uri) for one in controls]
    try:
        return teacher_headroom.load([str(folder) for folder in folders if folder])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return None


def headroom_text(graph: Graph, run: str) -> str:
    """The same in words; if files are missing, what the first control said."""
    found = headroom(graph, run)
    if found is not None:
        return found.conclusion
    said = [
        str(control.properties.get(property_names.HEADROOM_CONCLUSION, ""))
        for control in _controls(graph, run)
    ]
    return next(iter(said), "")


def sentences(graph: Graph, run: str) -> tuple[str, ...]:
    """Headroom and gain in words, as far as they are known."""
    gain = graph.latest(run, "ControlComparison")
    conclusion = str(gain.properties.get("conclusion", "")) if gain else ""
    return tuple(filter(None, [headroom_text(graph, run), conclusion]))


def _controls(graph: Graph, run: str) -> list[ArtifactRecord]:
    models = graph.made(run, "Model")
    return [one for one in models if property_names.HEADROOM in one.properties]

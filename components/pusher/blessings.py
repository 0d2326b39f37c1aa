"""Reads from the gates' blessings why a student may not be pushed."""

from __future__ import annotations

import os
from typing import Any

from tfx import types
from tfx.components.util import model_utils
from tfx.dsl.io import fileio

from tfx_distill.components import property_names
from tfx_distill.components.checks import VERDICT_FILE
from tfx_distill.trainer import file_system, structured_text

_MAX_STATED = 5


def refusals(
    model: types.Artifact,
    digest: str,
    model_blessing: types.Artifact | None,
    infra_blessing: types.Artifact | None,
) -> list[str]:
    """The reasons not to push a model, one line each; empty when both gates bless it.

    Args:
        model: What is to be pushed.
        digest: `saved_model_files.content_digest` of its SavedModel.
        model_blessing: The Evaluator's.
        infra_blessing: The ServabilityValidator's.
    """
    reasons = []
    for gate, blessing, is_blessed in (
        ("Evaluator", model_blessing, model_utils.is_model_blessed),
        ("ServabilityValidator", infra_blessing, model_utils.is_infra_validated),
    ):
        if blessing is None:
            reasons.append(f"there is no blessing of the {gate}")
            continue
        verdict = _verdict(blessing)
        if not is_blessed(blessing):
            reasons += _stated(gate, (verdict or {}).get("reasons"))
        elif verdict is None:
            reasons.append(f"the {gate}'s verdict in {blessing.uri} cannot be read")
        elif verdict.get("blessed") is not True or not _is_as_written(blessing):
            reasons.append(
                f"the {gate}'s verdict in {blessing.uri} is not its blessing's"
            )
        else:
            reasons += _of_another(gate, blessing, model, digest)
    return reasons


def _stated(gate: str, reasons: Any) -> list[str]:
    """A gate's reasons, or the first of them: its verdict has the rest."""
    if not isinstance(reasons, list) or not reasons:
        return [f"the {gate} gave no reason"]
    more = len(reasons) - _MAX_STATED
    rest = [f"and {more} more of the {gate}"] if more > 0 else []
    return [str(reason) for reason in reasons[:_MAX_STATED]] + rest


def _of_another(
    gate: str, blessing: types.Artifact, model: types.Artifact, digest: str
) -> list[str]:
    blessed_uri = blessing.get_string_custom_property(property_names.BLESSED_MODEL_URI)
    if blessed_uri != model.uri:
        return [
            f"the {gate} blessed another model, {blessed_uri or 'which it does not name'}"
            f", not {model.uri}"
        ]
    blessed_digest = blessing.get_string_custom_property(property_names.MODEL_DIGEST)
    if not blessed_digest:
        return [f"the {gate} does not say which files in {model.uri} it blessed"]
    if blessed_digest != digest:
        return [f"the model in {model.uri} was changed after the {gate} blessed it"]
    return []


def _is_as_written(blessing: types.Artifact) -> bool:
    """Whether the verdict is the gate's; those of earlier versions have no digest."""
    known = blessing.get_string_custom_property(property_names.VERDICT_DIGEST)
    path = os.path.join(blessing.uri, VERDICT_FILE)
    return not known or file_system.digest(path) == known


def _verdict(blessing: types.Artifact) -> dict[str, Any] | None:
    """The decision beside a blessing; None when it is gone or damaged."""
    path = os.path.join(blessing.uri, VERDICT_FILE)
    try:
        if not fileio.exists(path):
            return None
        with fileio.open(path) as file:
            verdict = structured_text.from_json(file.read())
    except (OSError, ValueError):
        return None
    return verdict if isinstance(verdict, dict) else None

"""How many students a pipeline has tested on the same images, and what follows.

Whoever tries until one passes selects on the test split. With `gate.attempts: corrected`
the n-th student is held to bounds of the confidence 1 - 0.05 / (n (n + 1)). The sum of what
is left over never exceeds 5 %: so a pipeline whose students all are too weak by the margin
passes one of them at most once in twenty, however often it tries.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from tfx_distill.components import property_names
from tfx_distill.components.evaluator import tested_students
from tfx_distill.trainer.config.gate_config import CORRECTED, GateConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import noninferiority


def before(blessings: Iterable[Any], student_digest: str) -> dict[str, int]:
    """Other students that were tested before a student, by the digest of the images.

    Args:
        blessings: ModelBlessing artifacts of one pipeline, the oldest first.
        student_digest: The student's. A second evaluation of it is no other attempt.
    """
    told = [
        (images, _property(one, property_names.MODEL_DIGEST) or str(one.id))
        for one in blessings
        if (images := _property(one, property_names.TEST_IMAGES))
    ]
    found: dict[str, int] = {}
    done = set()
    for (images, digest), tested in zip(
        told, tested_students.numbers(told), strict=True
    ):
        if digest == student_digest:
            done.add(images)
        elif images not in done:
            found[images] = tested
    return dict(sorted(found.items()))


def _property(artifact: Any, name: str) -> str:
    return artifact.custom_properties[name].string_value


def number(
    gate: GateConfig, exec_properties: Mapping[str, Any], images: str
) -> int | None:
    """The number of this attempt, from 1; None if it does not count.

    Args:
        gate: Says whether it counts.
        exec_properties: The Evaluator's, with what its driver added.
        images: Digest of the test images.

    Raises:
        ConfigError: If it counts, and no driver ran.
    """
    if gate.attempts != CORRECTED:
        return None
    earlier = exec_properties.get(property_names.TESTED_BEFORE)
    if earlier is None:
        raise ConfigError(
            "gate.attempts is corrected, and no driver ran that could count the students "
            "in ML Metadata, as on Kubeflow: set gate.attempts: report."
        )
    return 1 + json.loads(earlier).get(images, 0)


def confidence(attempt: int | None) -> float:
    """Of the lower bounds."""
    if attempt is None:
        return noninferiority.CONFIDENCE
    return 1 - (1 - noninferiority.CONFIDENCE) / (attempt * (attempt + 1))


def notes(attempt: int | None) -> tuple[str, ...]:
    """What people should know, in lines."""
    if attempt is None:
        return ()
    return (
        f"Attempt {attempt:,} on these images: lower bounds are at "
        f"{100 * confidence(attempt):.6g} % (gate.attempts: corrected).",
    )

"""Is there anything to teach? The teacher compared with controls on the split `eval`."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from tfx_distill.trainer import file_system
from tfx_distill.trainer.evaluation import paired_interval
from tfx_distill.trainer.evaluation.paired_interval import Estimate

_FILE = "headroom.npz"
_ADVICE = (
    "There is little to teach: use a better teacher (teacher.from, longer training, an "
    "ensemble), more weight on the labels, or no distillation."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Headroom(Estimate):
    """A teacher's accuracy minus the controls'; attributes also as in `Estimate`.

    Attributes:
        teacher_accuracy: On the split `eval`, in [0, 1].
        control_accuracy: Mean of the controls'.
        num_examples: Number of its images.
        comparison: Who is better, with the numbers.
        conclusion: The same, and what follows from it.
    """

    teacher_accuracy: float
    control_accuracy: float
    num_examples: int
    comparison: str
    conclusion: str

    @property
    def is_positive(self) -> bool:
        """Whether the teacher is better, with the whole interval."""
        return self.low > 0


def answers(
    predict: Callable[[np.ndarray], np.ndarray],
    batches: Iterable[tuple[np.ndarray, np.ndarray]],
) -> dict[str, np.ndarray]:
    """Whether teacher and control are correct on each image.

    Args:
        predict: The control, from uint8 images to logits `(batch, num_classes)`.
        batches: Images, and targets as `losses.pack_targets` makes them, without
            features.

    Returns:
        bool `(num_examples,)` for `teacher` and `control`.
    """
    found: dict[str, list[np.ndarray]] = {"teacher": [], "control": []}
    for images, targets in batches:
        labels = targets[:, 0]
        for name, logits in (("teacher", targets[:, 1:]), ("control", predict(images))):
            found[name].append(np.argmax(logits, axis=1) == labels)
    return {name: np.concatenate(values) for name, values in found.items()}


def save(folder: str, correct: dict[str, np.ndarray]) -> None:
    """Writes what `answers` returns into the folder of a control's Model artifact."""
    file_system.save_arrays(os.path.join(folder, _FILE), **correct)


def load(folders: Sequence[str]) -> Headroom | None:
    """The headroom over all controls of one teacher.

    Args:
        folders: Of their Model artifacts.

    Returns:
        None if there are none, or if one is of an earlier version.
    """
    paths = [os.path.join(folder, _FILE) for folder in folders]
    if not paths or not all(map(file_system.exists, paths)):
        return None
    files = [file_system.load_arrays(path) for path in paths]
    return measure(files[0]["teacher"], [file["control"] for file in files])


def measure(teacher: np.ndarray, controls: Sequence[np.ndarray]) -> Headroom:
    """Compares one teacher with controls; its own seed is not taken into account.

    Args:
        teacher: bool `(num_examples,)`, whether it is correct.
        controls: As `teacher`, for each seed.
    """
    found = paired_interval.estimate(teacher[np.newaxis], np.array(controls))
    verdict = found.verdict("better than", "worse than", "not measurably better than")
    control = "control" if len(controls) == 1 else f"{len(controls)} controls"
    over = "images" if len(controls) == 1 else "images and seeds"
    comparison = (
        f"The teacher is {verdict} the {control} on eval: {found.in_points(over)}."
    )
    advice = found.verdict("Distillation can pay.", _ADVICE, _ADVICE)
    return Headroom(
        **vars(found),
        teacher_accuracy=float(np.mean(teacher)),
        control_accuracy=float(np.mean(controls)),
        num_examples=len(teacher),
        comparison=comparison,
        conclusion=f"{comparison} {advice}",
    )

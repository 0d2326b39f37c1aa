"""Rejects margins that are too narrow for the test split, before the evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_distill.trainer.config.gate_config import GateConfig, ResolvedGate
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import fitted_gate, noninferiority
from tfx_distill.trainer.evaluation.fitted_gate import FittedGate


def fitted(gate: GateConfig, class_sizes: Mapping[str, int]) -> FittedGate:
    """The bounds for a test split, which could be kept.

    Args:
        gate: The bounds as configured.
        class_sizes: Number of test images of each class; at least one image.

    Raises:
        ConfigError: If the split has too few images.
    """
    found = fitted_gate.fit(gate, class_sizes)
    require_resolvable(found.gate, sum(class_sizes.values()), class_sizes)
    return found


def of_report(gate: GateConfig, report: DataReport) -> tuple[str, ...]:
    """What is fitted to a data set, in lines; nothing of one without test images.

    Raises:
        ConfigError: As `fitted`.
    """
    counts = report.num_images["test"]
    sizes = dict(zip(report.class_names, counts, strict=True))
    return fitted(gate, sizes).lines if any(counts) else ()


def require_resolvable(
    gate: GateConfig, num_examples: int, class_sizes: Mapping[str, int] | None = None
) -> None:
    """Rejects margins that fail even a student that always agrees with its teacher.

    An empty split, and a class below `gate.min_class_size`, are left to the verdict.

    Args:
        gate: The margins.
        num_examples: Number of test images.
        class_sizes: Number of test images of each class; None: not known yet.

    Raises:
        ConfigError: Says how many images the margin would need.
    """
    if not isinstance(gate.margin, float):
        return fitted_gate.require_enough(num_examples)
    sizes = [("gate.margin", gate.margin, num_examples, "")]
    if isinstance(gate, ResolvedGate) and gate.class_margin is not None:
        sizes += [
            ("gate.class_margin", gate.class_margin, size, f" of class {name}")
            for name, size in (class_sizes or {}).items()
            if size >= gate.min_class_size
        ]
    for key, margin, size, where in sizes:
        needed = noninferiority.images_needed(margin)
        if 0 < size < needed:
            raise ConfigError(
                f"{key} is {margin:g}, and the test split has {size:,} images{where}: "
                f"even a student that never differs from its teacher could not keep it. "
                f"It needs {needed:,} images; take more, or {_smallest(size)} or wider; "
                f"auto takes {fitted_gate.margin(size):g}."
            )


def _smallest(size: int) -> str:
    """The narrowest margin, in thousandths, for this number of images, >= 1."""
    margins = (thousandths / 1000 for thousandths in range(1, 1000))
    fine = (m for m in margins if noninferiority.images_needed(m) <= size)
    return f"{next(fine):g}"

"""Rejects margins that are too narrow for the test split, before the evaluation."""

from __future__ import annotations

from collections.abc import Mapping

from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import noninferiority


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
    sizes = [("gate.margin", gate.margin, num_examples, "")]
    for name, size in (class_sizes or {}).items():
        if size >= gate.min_class_size:
            where = f" of class {name}"
            sizes.append(("gate.class_margin", gate.class_margin, size, where))
    for key, margin, size, where in sizes:
        needed = noninferiority.images_needed(margin)
        if 0 < size < needed:
            raise ConfigError(
                f"{key} is {margin:g}, and the test split has {size:,} images{where}: "
                f"even a student that never differs from its teacher could not keep it. "
                f"It needs {needed:,} images; take more, or {_smallest(size)} or wider."
            )


def _smallest(size: int) -> str:
    """The narrowest margin, in thousandths, for this number of images."""
    for thousandths in range(1, 1000):
        if noninferiority.images_needed(thousandths / 1000) <= size:
            return f"{thousandths / 1000:g}"
    return "no margin: 5 images are the fewest that resolve one"

"""Whether a worker of Beam, in a process or an image of its own, has this version."""

from __future__ import annotations

import platform

from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer.errors import DistillError


def here() -> tuple[str, str]:
    """The versions of this package and of Python: a worker unpickles what we pickled."""
    return VERSION, ".".join(platform.python_version_tuple()[:2])


def require(expected: tuple[str, str]) -> None:
    """Raises a DistillError in a worker whose versions are not those of the run."""
    found = here()
    if found != tuple(expected):
        raise DistillError(
            f"Beam's worker on {platform.node()} has tfx-distill {found[0]} on Python "
            f"{found[1]}, this run has {expected[0]} on Python {expected[1]}. Start the "
            "workers from the same wheel or image as the run."
        )

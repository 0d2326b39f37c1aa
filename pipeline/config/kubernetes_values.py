"""Values as Kubernetes writes them: quantities, names, paths and variables."""

from __future__ import annotations

import re
from typing import Annotated, Any

from tfx_distill.trainer.config.section import Rule

# Paths that the launcher of Kubeflow Pipelines uses itself.
RESERVED_PATHS = ("/minio", "/s3", "/gcs", "/oci", "/kfp", "/kfp-workspace", "/tmp")

_QUANTITY = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei|)")
_FACTORS = {"": 1.0, "m": 1e-3} | {
    prefix + i: (1024.0 if i else 1000.0) ** power
    for i in ("", "i")
    for power, prefix in enumerate(("K" if i else "k", "M", "G", "T", "P", "E"), 1)
}


def quantity(value: Any) -> float:
    """The number that a Kubernetes quantity, such as `500m` or `4Gi`, stands for.

    Raises:
        ValueError: If it is not a quantity above 0.
    """
    match = None
    if not isinstance(value, bool):
        match = _QUANTITY.fullmatch(str(value).strip())
    number = float(match[1]) * _FACTORS[match[2]] if match else 0.0
    if not number > 0:
        raise ValueError(f"{value!r} is not a Kubernetes quantity above 0")
    return number


def is_mountable(path: str) -> bool:
    is_reserved = any(f"{path}/".startswith(f"{place}/") for place in RESERVED_PATHS)
    return bool(re.fullmatch(r"(/[^/\s]+)+", path)) and not is_reserved


def pattern(expected: str, pattern: str) -> Rule:
    return Rule(expected, re.compile(pattern).fullmatch)


Quantity = Annotated[
    int | float | str,
    Rule("a Kubernetes quantity above 0, such as 2, 500m or 4Gi", quantity),
]
NAME = r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?"
VARIABLE = r"[A-Za-z_][A-Za-z0-9_]*"
MountPath = Annotated[
    str,
    Rule(f"an absolute folder, not in {', '.join(RESERVED_PATHS)}", is_mountable),
]

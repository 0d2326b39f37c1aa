"""What KFP's launcher would fail on in a task's outputs, said before it tries.

It reads the executor's output with Go's JSON parser, and uploads a folder file by file
(backend/src/v2/component/launcher_v2.go, objectstore/object_store.go).
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.trainer.errors import DistillError


def require_finite(key: str, metadata: Mapping[str, Any]) -> None:
    """Rejects properties with NaN or infinity, which are not JSON.

    Args:
        key: Name of the output.
        metadata: Its properties.

    Raises:
        DistillError: Names the first such property.
    """
    for name, value in metadata.items():
        for number in _numbers(value):
            if not math.isfinite(number):
                raise DistillError(
                    f"The property {name} of the output {key} is {number}; Kubeflow's "
                    "launcher accepts finite numbers only. Leave the property out, or "
                    "make it a string."
                )


def require_no_links(key: str, path: str) -> None:
    """Rejects links to folders, and links that lead nowhere.

    At the first, the launcher fails; at the second, it leaves out the files after it
    and reports success.

    Args:
        key: Name of the output.
        path: Its file or folder.

    Raises:
        DistillError: Names the first such link.
    """
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            link = os.path.join(folder, name)
            if os.path.islink(link) and not os.path.isfile(link):
                raise DistillError(
                    f"The output {key} has a link, {os.path.relpath(link, path)} to "
                    f"{os.readlink(link)}, that Kubeflow's launcher cannot upload. Copy "
                    "the files there instead."
                )


def _numbers(value: Any) -> Iterator[float]:
    if isinstance(value, Mapping):
        value = list(value.values())
    if isinstance(value, list | tuple):
        for item in value:
            yield from _numbers(item)
    elif isinstance(value, int | float):
        yield value

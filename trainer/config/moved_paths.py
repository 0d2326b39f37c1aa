"""Dotted paths of this project's functions as older versions named them."""

from __future__ import annotations

import functools
import logging
import pathlib

from tfx_distill.trainer import user_modules

logger = logging.getLogger(__name__)

_PACKAGE = pathlib.Path(__file__).resolve().parents[1]

# Functions of ours that a configuration may name, by their old module.
_MOVED = {
    "trainer.models": "tfx_distill.trainer.models.architectures",
}


@functools.cache  # one notice, however often a configuration is read
def current_path(path: str) -> str:
    """Returns the present dotted path of a function, with a notice if it moved."""
    module, _, name = path.rpartition(".")
    if module not in _MOVED or _is_users_own(module.partition(".")[0]):
        return path
    current = f"{_MOVED[module]}.{name}"
    logger.warning("%s has moved; write %s in the configuration.", path, current)
    return current


def _is_users_own(package: str) -> bool:
    """Whether a package of that name can be imported that is not this project's."""
    spec = user_modules.find(package)
    places = spec.submodule_search_locations if spec else None
    return bool(spec) and _PACKAGE not in {
        pathlib.Path(place).resolve() for place in places or ()
    }

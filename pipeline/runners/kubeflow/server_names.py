"""Text that the server, Argo or Kubernetes would refuse late, or change."""

from __future__ import annotations

import re
from typing import Any

from tfx_distill.trainer.errors import ConfigError

# Of runs, experiments, schedules and versions since KFP 2.15. Longer ones got an error
# after the run was created.
MAX_LENGTH = 127
# Argo replaces {{workflow.name}}, Kubernetes $(HOME), wherever they stand. What KFP's
# driver replaces is meant.
_EXPANDED = re.compile(r"\{\{(?!\$)|\$\([A-Za-z_.-][\w.-]*\)")


def require(where: str, name: str) -> None:
    """Rejects a name that the server would refuse, perhaps after it has done its work.

    Raises:
        ConfigError: In one line.
    """
    if not 1 <= len(name) <= MAX_LENGTH:
        raise ConfigError(
            f"{where}: received a name of {len(name)} characters, expected 1 to "
            f"{MAX_LENGTH}: the server refuses longer ones, some of them after it has "
            "started to work."
        )
    require_literal(where, name)


def require_literal(where: str, value: Any) -> None:
    """Rejects text that would not arrive as written.

    Args:
        where: Names the text in messages.
        value: A text, or anything with texts in it.

    Raises:
        ConfigError: In one line.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            require_literal(where, key)
            require_literal(where, item)
    elif isinstance(value, list | tuple):
        for item in value:
            require_literal(where, item)
    elif isinstance(value, str) and (found := _EXPANDED.search(value)):
        around = value[found.start() : found.start() + 30]
        who = "Argo" if found[0].startswith("{{") else "Kubernetes"
        raise ConfigError(
            f"{where} contains {around!r}, which {who} would replace by something else, "
            "or refuse. Write it in another way."
        )

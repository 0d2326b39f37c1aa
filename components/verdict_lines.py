"""The line of a gate's log that holds its verdict, for readers of logs alone."""

from __future__ import annotations

import re

from tfx_distill.components import checks
from tfx_distill.trainer import json_files

# The text is `Decision.summary`.
VERDICT = "Verdict %s"
_VERDICT = re.compile(r" Verdict (\{.*\})$", re.M)


def bounds(log: str) -> list[checks.Bound]:
    """The bounds of the verdict in a gate's log; empty without one."""
    found = _VERDICT.search(log)
    return parsed(found[1]) if found else []


def parsed(summary: str) -> list[checks.Bound]:
    """The bounds of a `Decision.summary`; empty without one."""
    try:
        return list(json_files.parse(checks.Bounds, summary).bounds)
    except ValueError:  # of another version
        return []

"""The property with the reasons of a refusal: one text, as ML Metadata keeps it."""

from __future__ import annotations

from collections.abc import Sequence

_BETWEEN = "; "
_MAX_LENGTH = 2000


def joined(reasons: Sequence[str]) -> str:
    """One text of several reasons, cut where it gets too long."""
    alone = [reason.replace(_BETWEEN, ", ") for reason in reasons]
    return _BETWEEN.join(alone)[:_MAX_LENGTH]


def separate(text: str) -> list[str]:
    """The reasons that `joined` joined; empty for an empty text."""
    return text.split(_BETWEEN) if text else []

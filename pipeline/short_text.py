"""Text of any length and any letters on one short line."""

from __future__ import annotations


def shortened(text: str, length: int) -> str:
    """One printable line of at most `length` characters, cut in the middle.

    The middle, since class names and file names differ at either end.
    """
    text = "".join(c if c.isprintable() else "?" for c in text)
    if len(text) <= length:
        return text
    kept = length - 3
    return text[: kept - kept // 2] + "..." + text[len(text) - kept // 2 :]

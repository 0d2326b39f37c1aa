"""Text of any length and any letters on few short lines.

Lengths are columns of a terminal: letters of East Asian scripts take two, accents none.
"""

from __future__ import annotations

import re
import textwrap
import unicodedata

_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


def clean(text: str) -> str:
    """Text without control characters: what comes from outside must not steer a terminal.

    Nor with bytes of a file name that are no UTF-8, which no stream accepts.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def columns(text: str) -> int:
    """Columns that a text takes in a terminal, and about as many half letters on paper."""
    return sum(map(_columns, text))


def shortened(text: str, length: int) -> str:
    """One printable line of at most `length` columns, cut in the middle.

    The middle, since class names and file names differ at either end.
    """
    text = "".join(c if c.isprintable() else "?" for c in text)
    if columns(text) <= length:
        return text
    kept = length - 3
    start, end = _fitting(text, kept - kept // 2), _fitting(text[::-1], kept // 2)
    return f"{start}...{end[::-1]}"


def wrapped(text: str, length: int) -> list[str]:
    """Lines of at most `length` columns; a name without spaces breaks anywhere."""
    # Filled up with zeros, a letter that takes two columns counts as two letters.
    filled = "".join(c + "\0" * (_columns(c) - 1) for c in text)
    return [line.replace("\0", "") for line in textwrap.wrap(filled, length)] or [""]


def _columns(letter: str) -> int:
    if letter.isascii():
        return 1
    if unicodedata.combining(letter):
        return 0
    return 2 if unicodedata.east_asian_width(letter) in "WF" else 1


def _fitting(text: str, length: int) -> str:
    """As much of the beginning as fits."""
    while columns(text) > length:
        text = text[: max(0, min(len(text) - 1, length))]
    return text

"""JSON files that hold one dataclass each, checked when they are read.

Needs no TensorFlow.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import os
from typing import Any, TypeVar, cast

from tfx_distill.trainer import file_system

T = TypeVar("T")

_MAX_SHOWN = 40  # letters of a wrong value


def save(value: Any, path: str | os.PathLike[str], **more: Any) -> None:
    """Writes a dataclass as a JSON object.

    Args:
        value: The dataclass; its numbers are finite.
        path: The file.
        more: Further fields, such as a format's version.

    Raises:
        ValueError: If a number is not finite.
    """
    fields = {**more, **dataclasses.asdict(value)}
    text = json.dumps(fields, indent=2, sort_keys=True, allow_nan=False)
    with file_system.open_file(os.fspath(path), "w") as file:
        file.write(text)


def load(kind: type[T], path: str | os.PathLike[str]) -> T:
    """Reads what `save` wrote.

    Args:
        kind: Type of the value, such as a dataclass; nested types are checked, too.
        path: The file.

    Raises:
        OSError: If the file is missing or unreadable.
        ValueError: If it is not JSON or a value has the wrong type. Names the value.
    """
    with file_system.open_file(os.fspath(path)) as file:
        return parse(kind, file.read())


def parse(kind: type[T], text: str) -> T:
    """As `load`, from a file's content. Ignores fields that `kind` does not have."""
    import pydantic

    try:
        # A list of one: pydantic takes no settings for a dataclass itself.
        (value,) = _adapter(cast(Any, kind)).validate_json(f"[{text}]")
    except pydantic.ValidationError as error:
        raise ValueError(_explanation(error)) from None
    return value


@functools.cache
def _adapter(kind: Any) -> Any:
    import pydantic

    settings = pydantic.ConfigDict(strict=True, allow_inf_nan=False)
    return pydantic.TypeAdapter(list[kind], config=settings)


def _explanation(error: Any) -> str:
    """One problem in one line: where it is, what was expected and received."""
    last = error.errors()[-1]
    problem = last["msg"][0].lower() + last["msg"][1:]
    if last["type"] == "json_invalid":
        return problem
    place = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}"
        for part in last["loc"][1:]
        if part != "float"  # pydantic's name of the second type in `int | float`
    )
    shown = repr(last["input"])
    if len(shown) > _MAX_SHOWN:
        shown = f"{shown[:_MAX_SHOWN]}…"
    return f"{place[1:] or 'it'}: {problem}, received {shown}"

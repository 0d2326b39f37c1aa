"""Words for what a configuration accepts, and for what it refused."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import ValidationError

from tfx_distill.trainer.errors import ConfigError

Schema = Mapping[str, Any]  # a JSON schema

_MAX_SHOWN = 100  # letters of a received value
EXPECTED = "expected"  # our own keyword: words instead of those made of the type
_TYPES = {
    "boolean": "true or false",
    "string": "a string",
    "array": "a list",
    "object": "a mapping of keys",
    "null": "null",
}


def describe(error: ValidationError, schema: Schema, where: str) -> str:
    """Returns one line for each thing that does not fit.

    Args:
        error: Of a section.
        schema: The section's JSON schema.
        where: Dotted path of the section; empty: the whole configuration.
    """
    lines = [_line(details, schema, where) for details in error.errors()]
    return "\n".join(dict.fromkeys(lines))


def _line(details: Mapping[str, Any], schema: Schema, where: str) -> str:
    unknown = details["type"] == "extra_forbidden"
    *inner, last = details["loc"] if unknown else (*details["loc"], "")
    here, key = _find(schema, inner, where)
    cause = details.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):  # of a check between fields
        text = str(cause)
        return key + ("" if not key or text.startswith(" ") else ".") + text
    if unknown:
        known = section(here, schema)["properties"]
        return unknown_key(name(str(last)), known, f"{key}." if key else "")
    received = "nothing" if details["type"] == "missing" else shown(details["input"])
    return (
        f"{key or 'The configuration'} must be {expected(here)}, received {received}."
    )


def shown(value: Any) -> str:
    """A received value as Python writes it, which is printable, and not too long."""
    text = repr(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def name(key: str) -> str:
    """A key as it was given if it looks like one."""
    return key if re.fullmatch(r"[\w.:/-]{1,60}", key) else shown(key)


def unknown_key(name: str, known: Iterable[str], prefix: str) -> str:
    """Says that there is no such key, and which one is near."""
    return unknown("configuration key", name, known, prefix)


def unknown(what: str, name: str, known: Iterable[str], prefix: str = "") -> str:
    """Says that there is no such thing, and which one is near."""
    letters = {one.lower(): one for one in known}
    near = difflib.get_close_matches(name.lower(), sorted(letters), n=1, cutoff=0.5)
    text = f"Unknown {what} {prefix}{name}."
    if near:
        return f"{text} Did you mean {prefix}{letters[near[0]]}?"
    return f"{text} Known here: {', '.join(sorted(letters.values())) or 'none'}."


def _find(schema: Schema, path: Iterable[Any], where: str) -> tuple[Schema, str]:
    """Returns the schema at a path, and the path as users write it.

    Pydantic adds the names of union members to a path: they are left out.
    """
    here, key = schema, where
    for part in path:
        inside = section(here, schema)
        if isinstance(part, int):
            inner = inside.get("items")
            key = f"{key}[{part}]" if inner else key
        else:
            others = inside.get("additionalProperties") or None
            inner = inside.get("properties", {}).get(part, others)
            key = f"{key}.{name(part)}".lstrip(".") if inner else key
        here = inner if isinstance(inner, Mapping) else here
    return here, key


def section(schema: Schema, root: Schema) -> Schema:
    """Follows a reference, also one that may be null instead."""
    members = [s for s in schema.get("anyOf", ()) if s.get("type") != "null"]
    if len(members) == 1:
        schema = members[0]
    if "$ref" in schema:
        return root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def expected(schema: Schema) -> str:
    """Says which values a schema accepts, to follow "must be"."""
    if EXPECTED in schema:
        return schema[EXPECTED]
    if "anyOf" in schema:
        *others, last = [expected(member) for member in schema["anyOf"]]
        return f"{', '.join(others)}, or {last}"
    if "const" in schema:
        return str(schema["const"])
    if "enum" in schema:
        *others, last = schema["enum"]
        return f"{', '.join(others)} or {last}"
    kind = schema.get("type", "object" if "$ref" in schema else "")
    if schema.get("minLength"):
        return "a non-empty string"
    if kind == "array" and "$ref" not in schema["items"]:
        return f"a list, each {expected(schema['items'])}"
    return _TYPES[kind] if kind in _TYPES else _number(schema, kind == "integer")


def _number(schema: Schema, is_integer: bool) -> str:
    least, most = schema.get("minimum"), schema.get("maximum")
    above, below = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    if is_integer and above is not None:
        least, above = above + 1, None
    is_bounded = most is not None or below is not None
    noun = (
        "an integer" if is_integer else "a number" if is_bounded else "a finite number"
    )
    if least is not None and most is not None:
        return f"{noun} in [{least}, {most}]"
    limits = {">=": least, ">": above, "<=": most, "<": below}
    bounds = [f"{sign} {limit}" for sign, limit in limits.items() if limit is not None]
    return " ".join([noun, " and ".join(bounds)]).strip()

"""YAML and JSON that come from outside: one reader, which no text can harm.

Texts are regular files of limited size. Values are nested mappings, lists and core
scalars; dates stay strings. Duplicate keys, runaway nesting and expansion are errors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from tfx_distill.trainer import file_system

MAX_BYTES = 4 * 2**20  # a configuration has some kB, a compiled pipeline some 100
_MAX_DEPTH = 50
_MAX_NODES = 200_000  # after aliases are expanded
# Strings, whatever YAML 1.1 makes of them.
_NO_SCALARS = {f"tag:yaml.org,2002:{name}" for name in ("merge", "timestamp", "value")}
_CORE = {f"tag:yaml.org,2002:{name}" for name in ("bool", "float", "int", "null")}
_BASE: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def read_file(path: str | os.PathLike[str], max_bytes: int = MAX_BYTES) -> str:
    """Returns the UTF-8 text of a regular file.

    Raises:
        OSError: If it is missing or unreadable, or a device or a pipe.
        ValueError: If it is too large or not UTF-8.
    """
    with file_system.open_file(os.fspath(path), "rb") as file:
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes / 2**20:.3g} MiB")
    return content.decode("utf-8")


def from_yaml(text: str) -> Any:
    """Returns the value of a YAML text; None if it is empty.

    Raises:
        ValueError: If it is not YAML, or more than the module's reader accepts. In one
            line, with the place.
    """
    found = list(documents(text))
    if len(found) > 1:
        raise ValueError(f"expected one document, received {len(found)}")
    return found[0] if found else None


def documents(text: str) -> Iterator[Any]:
    """Yields the values of the documents in a YAML text; errors as `from_yaml`."""
    try:
        text.encode()  # the C parser fails in its own way on half a surrogate pair
        _require_small(text)
        yield from yaml.load_all(text, _Loader)
    except yaml.YAMLError as error:
        lines = str(error).replace('in "<unicode string>", ', "").split()
        raise ValueError(" ".join(lines)) from None


def from_json(text: str | bytes) -> Any:
    """Returns the value of a JSON text, whose numbers are finite.

    Raises:
        ValueError: If it is not JSON, or more than the module's reader accepts.
    """
    try:
        return json.loads(
            text,
            object_pairs_hook=_unique,
            parse_constant=_finite,
            parse_float=_finite,
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise ValueError(f"the key {twice!r} stands twice in one object")
    return result


def _finite(text: str) -> float:
    number = float(text)
    if abs(number) == float("inf") or number != number:
        raise ValueError(f"{text[:40]} is not a finite number")
    return number


def _require_small(text: str) -> None:
    """Counts nodes before any is built: a small text may stand for a huge value."""
    sizes: dict[str, int] = {}  # of finished nodes with an anchor
    open_nodes: list[list[Any]] = []  # anchor and number of nodes so far
    num_nodes = 0
    for event in yaml.parse(text, _BASE):
        size: int = 1
        anchor: Any = getattr(event, "anchor", None)
        if isinstance(event, yaml.CollectionStartEvent):
            open_nodes.append([anchor, 1])
            _require(len(open_nodes) <= _MAX_DEPTH, "nested too deeply", event)
            continue
        if isinstance(event, yaml.CollectionEndEvent):
            anchor, size = open_nodes.pop()
        elif isinstance(event, yaml.AliasEvent):
            _require(anchor in sizes, f"*{anchor} stands for itself or nothing", event)
            size, anchor = sizes[anchor], None
        elif not isinstance(event, yaml.ScalarEvent):
            continue
        if anchor is not None:
            sizes[anchor] = size
        if open_nodes:
            open_nodes[-1][1] += size
            size = open_nodes[-1][1]
        else:
            num_nodes += size
        _require(max(size, num_nodes) <= _MAX_NODES, "too many values", event)


def _require(condition: bool, problem: str, event: Any) -> None:
    if not condition:
        raise yaml.MarkedYAMLError(problem=problem, problem_mark=event.start_mark)


class _Loader(_BASE):
    """Core scalars, lists and mappings of unique keys."""

    yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] not in _NO_SCALARS]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    yaml_constructors: Mapping[Any, Any] = {
        tag: function
        for tag, function in yaml.SafeLoader.yaml_constructors.items()
        if tag is None or tag.rpartition(":")[2] in ("map", "seq", "str")
    }

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        result = super().construct_mapping(node, deep=deep)
        if len(result) < len(node.value):
            seen: set[Any] = set()
            for key_node, _ in node.value:
                key = self.construct_object(key_node)
                _require(key not in seen, f"the key {key!r} stands twice", key_node)
                seen.add(key)
        return result

    def core_scalar(self, node: Any) -> Any:
        try:
            return yaml.SafeLoader.yaml_constructors[node.tag](self, node)
        except (ValueError, LookupError, OverflowError):
            kind = node.tag.rpartition(":")[2]
            problem = f"{str(node.value)[:40]!r} is not of the type {kind}"
            raise yaml.MarkedYAMLError(
                problem=problem, problem_mark=node.start_mark
            ) from None


for _tag in _CORE:
    _Loader.add_constructor(_tag, _Loader.core_scalar)

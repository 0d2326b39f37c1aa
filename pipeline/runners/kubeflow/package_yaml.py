"""Writes YAML that parsers of version 1.1 and 1.2 read alike."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import yaml

# Unquoted, some YAML 1.1 or 1.2 parser reads these as something other than a string.
_AMBIGUOUS = re.compile(
    r"[-+.\d].*|0o.*|(?:true|false|yes|no|on|off|null|nan|inf|y|n|~)?", re.I
)


def text(values: Iterable[Any]) -> str:
    """Writes values as documents of one file."""
    return yaml.dump_all(values, Dumper=_Dumper, sort_keys=True, width=88)


class _Dumper(yaml.SafeDumper):
    """Quotes strings that YAML parsers read differently; writes no anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, value: str) -> yaml.ScalarNode:
    style = '"' if _AMBIGUOUS.fullmatch(value) or "\n" in value else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", value, style=style)


_Dumper.add_representer(str, _represent_text)

"""Texts made from the configuration's fields: tables, default file, JSON schema."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import yaml

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.trainer.config import config_errors

_TABLE = re.compile(r"(<!-- keys: ([\w.* ]+) -->\n).*?(<!-- end of keys -->)", re.S)
_TABLE_HEAD = "| Key | Accepted values | Default | Meaning |\n|---|---|---|---|\n"
_DEFAULT_HEAD = """\
# Every key with its default. Made by bin/make_docs.py from the fields' definitions.
# Copy what you change into your own file and pass it with --config, or set single
# keys with --set section.key=value.
"""
_COMMENT_COLUMN = 27


def json_schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of a configuration file, for editors."""
    draft = "https://json-schema.org/draft/2020-12/schema"
    return {"$schema": draft, **PipelineConfig.model_json_schema()}


def with_tables(page: str) -> str:
    """Writes the tables of a page anew, between `<!-- keys: … -->` and the end mark.

    The mark lists keys: a section stands for all its keys, `tuning.*` for those of
    a section that may be null.
    """
    root = json_schema()

    def table(match: re.Match[str]) -> str:
        rows = [row for key in match[2].split() for row in _rows(key, root)]
        return f"{match[1]}{_TABLE_HEAD}{''.join(rows)}{match[3]}"

    return _TABLE.sub(table, page)


def _rows(key: str, root: dict[str, Any]) -> Iterator[str]:
    here: Any = root
    for name in key.removesuffix(".*").split("."):
        here = config_errors.section(here, root)["properties"][name]
    if key.endswith(".*") or "default" not in here:
        for name in config_errors.section(here, root)["properties"]:
            yield from _rows(f"{key.removesuffix('.*')}.{name}", root)
        return
    accepted = config_errors.expected(here)
    yield f"| `{key}` | {accepted} | `{flow(here['default'])}` | {_text(here)}. |\n"


def default_file() -> str:
    """A configuration file with every key, its default and its meaning."""
    root = json_schema()
    return "".join([_DEFAULT_HEAD, *_lines(root, root, "")])


def _lines(section: Any, root: dict[str, Any], indent: str) -> Iterator[str]:
    for name, field in section["properties"].items():
        is_section = "default" not in field
        inner = config_errors.section(field, root)
        start, comment = f"{indent}{name}:", _text(inner if is_section else field)
        if not is_section:
            start += f" {flow(field['default'])}"
        if "enum" in field:
            comment += f" ({config_errors.expected(field)})"
        if not indent:
            yield "\n"
        yield f"{start:{_COMMENT_COLUMN}}  # {comment}\n"
        if is_section:
            yield from _lines(inner, root, f"{indent}  ")


def _text(schema: Any) -> str:
    return schema["description"].partition("\n")[0].rstrip(".")


def flow(value: Any) -> str:
    """A value as YAML in one line."""
    text = yaml.safe_dump(value, default_flow_style=True, width=10**6, sort_keys=False)
    return text.removesuffix("\n").removesuffix("\n...")

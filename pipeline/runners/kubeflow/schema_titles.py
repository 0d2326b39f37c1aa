"""Names of artifact types in the schemas that a compiled pipeline gives them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TITLE = re.compile(r"title: *(\S+)")


def type_name(schema: Mapping[str, Any]) -> str:
    """Name of an ArtifactTypeSchema, such as `tfx.Model`; empty without one."""
    if "schemaTitle" in schema:
        return str(schema["schemaTitle"])
    match = _TITLE.search(str(schema.get("instanceSchema", "")))
    return match[1] if match else ""

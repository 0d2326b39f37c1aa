"""References to secrets: a configuration names the place of one, and never contains it."""

from __future__ import annotations

import os
import pathlib
import re
import urllib.parse
from typing import Annotated

from tfx_distill.trainer.config.section import Rule
from tfx_distill.trainer.errors import ConfigError

VARIABLE_PREFIX, FILE_PREFIX = "env:", "file:"
_REFERENCE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*|file:/.+")


def is_reference(text: str) -> bool:
    """Whether a text is `env:NAME` or `file:/PATH`."""
    return bool(_REFERENCE.fullmatch(text))


SecretReference = Annotated[
    str, Rule("env:NAME or file:/PATH, the place of a secret", is_reference)
]


def _is_url(text: str) -> bool:
    parts = urllib.parse.urlsplit(text)
    return parts.scheme in ("http", "https") and bool(
        parts.hostname and not parts.password
    )


Url = Annotated[str, Rule("an http or https URL without a password", _is_url)]
SecretUrl = Annotated[
    str,
    Rule(
        "an http or https URL without a password, or env:NAME or file:/PATH",
        lambda text: is_reference(text) or _is_url(text),
    ),
]


def read(value: str, key: str) -> str:
    """The secret that a value refers to; any other value as it is.

    Args:
        value: `env:NAME`, `file:/PATH` or plain text.
        key: The configuration key, for messages.

    Raises:
        ConfigError: If the variable is not set, or the file cannot be read.
    """
    if value.startswith(VARIABLE_PREFIX):
        name = value[len(VARIABLE_PREFIX) :]
        if not os.environ.get(name):
            raise ConfigError(
                f"{key} refers to the environment variable {name}, which is not set."
            )
        return os.environ[name]
    if not value.startswith(FILE_PREFIX):
        return value
    path = value[len(FILE_PREFIX) :]
    try:
        return pathlib.Path(path).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "not text"
        raise ConfigError(f"{key} refers to the file {path}: {reason}.") from None

"""Secrets that stand in a configuration, which is stored with every run.

Names are compared by their words, however they are spelled; some secrets show by
themselves, whatever their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from tfx_distill.trainer.config.config_errors import name as spelled
from tfx_distill.trainer.config.secret_reference import FILE_PREFIX, VARIABLE_PREFIX
from tfx_distill.trainer.errors import ConfigError

# As one word or as several: `client_key`, `clientKey`, `--client-key`, `CLIENTKEY`.
_NAMES = re.compile(
    r"passw(or)?d|passphrase|pwd|secret|token(?!s|iz)|credential|"
    r"(api|access|account|auth|client|encryption|private|signing|ssl)[_-]?key(?!word|s?[_-]?(id|path|file))",
    re.I,
)
_WORDS = {"pass", "pat", "psw", "pw"}
_SHOWN = re.compile(
    r"://[^/\s:@]*:[^/\s@]+@|-----BEGIN [A-Z ]*PRIVATE|\bgh[pousr]_\w{8}|\bgithub_pat_|"
    r"\bglpat-|\bxox[a-z]-|\b(AKIA|ASIA)[0-9A-Z]{12}|\bAIza[\w-]{20}|"
    r"\beyJ[\w-]{8,}\.eyJ|(password|pwd|AccountKey|SharedAccessKey)=[^;&\s]",
    re.I,
)
# Where Kubernetes secrets are named, by full key.
_REFERENCES = re.compile(r"kubeflow\.(secrets|nodes\.[^.]+\.image_pull_secrets)")


def looks_secret(name: str, value: str) -> bool:
    """Whether the value of a key, a variable or an option seems to be a secret."""
    words = {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)}
    is_named_so = bool(_NAMES.search(name)) or not words.isdisjoint(_WORDS)
    return bool(value) and (is_named_so or bool(_SHOWN.search(value)))


def require_none(values: Mapping[str, Any]) -> None:
    """Raises a `ConfigError` for the first secret in a configuration.

    Its text names the key, never the value.

    Args:
        values: The whole configuration, plain.
    """
    for key, name, value in _texts(values):
        is_reference = value.startswith((VARIABLE_PREFIX, FILE_PREFIX))
        if not is_reference and looks_secret(name, value):
            raise ConfigError(
                f"{key} holds a secret, which would be stored with every run. Put it in "
                f'an environment variable and write "{VARIABLE_PREFIX}NAME" in '
                "metadata.connection; in a pod name a Kubernetes secret in "
                "kubeflow.secrets."
            )


def _texts(value: Any, key: str = "", name: str = "") -> Iterator[tuple[str, str, str]]:
    """Yields the key, the last name and the value of each text."""
    if _REFERENCES.fullmatch(key):
        return
    if isinstance(value, Mapping):
        for inner, item in value.items():
            inner = str(inner)
            yield from _texts(item, f"{key}.{spelled(inner)}".lstrip("."), inner)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(item, key, name)
    elif isinstance(value, str | int | float) and not isinstance(value, bool):
        value = str(value)
        option, equals, given = value.partition("=")
        if option.startswith("--") and equals:
            yield f"{key}: {spelled(option)}", option, given
        else:
            yield key, name, value

"""What the shell completes: configurations, keys, runs. Loads neither TFX nor pydantic."""

from __future__ import annotations

import contextlib

import click
from click.shell_completion import CompletionItem

from tfx_distill.pipeline.config import dotted_keys
from tfx_distill.pipeline.config.loader import load_places, read_file, shipped_names


def configurations(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The shipped configurations, or files if none begins so."""
    found = [name for name in shipped_names() if name.startswith(incomplete)]
    if found:
        return [CompletionItem(name) for name in found]
    return [CompletionItem(incomplete, type="file")]


def keys(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """Configuration keys with their sections."""
    return [CompletionItem(key) for key in _defaults() if key.startswith(incomplete)]


def settings(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """As `keys`, each with its default, to be edited: shells add a space otherwise."""
    return [
        CompletionItem(f"{key}={default}")
        for key, default in _defaults().items()
        if key.startswith(incomplete)
    ]


def runs(
    context: click.Context, parameter: click.Parameter, incomplete: str
) -> list[CompletionItem]:
    """The runs of the pipeline that the command line names, the newest first."""
    from tfx_distill.pipeline.mlmd import read_only_store

    # Whatever is wrong with the command line or the store, the command itself will say.
    with contextlib.suppress(Exception):
        chosen = context.params
        places = load_places(chosen.get("file"), chosen.get("overrides") or ())
        store = read_only_store.open_store(places, chosen.get("place"))
        names = store.run_names()
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]
    return []


def _defaults() -> dict[str, str]:
    """The default of each key, as one word of a shell."""
    words = {True: "true", False: "false", None: "null"}
    defaults = dotted_keys.flat(read_file("default"))
    return {
        key: "" if isinstance(value, list | dict) else str(words.get(value, value))
        for key, value in defaults.items()
    }

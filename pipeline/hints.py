"""Commands that messages advise, with the options that chose this pipeline."""

from __future__ import annotations

import shlex

import click

# Sections of `--set` that say where a pipeline keeps its files.
_PLACES = ("pipeline.", "data.", "pusher.", "metadata.")
# Commands that run or write something have no --metadata.
_WITHOUT_STORE = ("run", "tune", "report", "rollback")


def command(words: str) -> str:
    """`distill WORDS`, with --config, --set and --metadata as the user gave them.

    Args:
        words: A command, and its arguments as a shell takes them.
    """
    context = click.get_current_context(silent=True)
    given = context.params if context else {}
    options = []
    if given.get("file"):
        options += ["--config", given["file"]]
    for text in given.get("overrides") or ():
        if text.strip().startswith(_PLACES):
            options += ["--set", text]
    if given.get("place") and words.split()[0] not in _WITHOUT_STORE:
        options += ["--metadata", given["place"]]
    return " ".join(filter(None, ["distill", words, shlex.join(options)]))

"""When the parts of recorded runs happened, and how long they took."""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Sequence

from rich.text import Text

from tfx_distill.components import property_names
from tfx_distill.pipeline.mlmd.records import CACHED, Graph, RunRecord
from tfx_distill.pipeline.short_text import clean, columns
from tfx_distill.trainer.timeline import Span

_MAX_SPANS = 1_000
_BAR_LETTERS = 32
_NAME_LETTERS = 26


def of_run(graph: Graph, run: RunRecord) -> tuple[Span, ...]:
    """The parts of a run, in the order in which they started.

    Runs on Kubeflow and those of earlier versions recorded none: they have their nodes,
    as ML Metadata timed them.
    """
    recorded = _parsed(str(run.properties.get(property_names.TIMELINE, "")))
    if recorded:
        return recorded
    return tuple(
        Span(
            name=execution.node,
            start_s=max(0, execution.created_ms - run.created_ms) / 1000,
            seconds=execution.seconds,
            cached=execution.state == CACHED,
        )
        for execution in graph.of_run(run.name)
    )


def _parsed(text: str) -> tuple[Span, ...]:
    """What a run recorded; nothing if anyone has changed it."""
    try:
        spans = [
            Span(
                name=clean(str(item["name"])),
                inside=clean(str(item["inside"])),
                start_s=float(item["start_s"]),
                seconds=float(item["seconds"]),
                cached=bool(item["cached"]),
            )
            for item in json.loads(text)[:_MAX_SPANS]
        ]
    except (ValueError, TypeError, LookupError, OverflowError, RecursionError):
        return ()
    numbers = [number for span in spans for number in (span.start_s, span.seconds)]
    is_sound = all(math.isfinite(number) and number >= 0 for number in numbers)
    return tuple(spans) if is_sound else ()


def summed(spans: Sequence[Span]) -> list[Span]:
    """Nodes and their parts, where parts of one name in a node are one."""
    found: dict[tuple[str, str], Span] = {}
    for span in spans:
        first = found.get((span.inside, span.name))
        if first is None:
            found[span.inside, span.name] = dataclasses.replace(span)
        else:
            first.seconds += span.seconds
    return list(found.values())


def lines(spans: Sequence[Span]) -> list[Text]:
    """A line for each part, with a bar that shows when it was."""
    parts = summed(spans)
    total = max((span.start_s + span.seconds for span in parts), default=0.0) or 1.0
    return [_line(span, total) for span in parts]


def _line(span: Span, total: float) -> Text:
    name = ("  " if span.inside else "") + span.name
    name += " " * max(0, _NAME_LETTERS - columns(name))
    if span.cached:
        return Text(f"{name} from cache", style="dim")
    before = round(_BAR_LETTERS * span.start_s / total)
    length = max(1, round(_BAR_LETTERS * span.seconds / total))
    text = Text(f"{name} {span.seconds:8.1f} s  {' ' * before}")
    return text.append(("─" if span.inside else "━") * length)

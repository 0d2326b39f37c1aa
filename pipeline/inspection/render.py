"""What the inspecting commands print: rich renderables that fit a terminal.

Everything from a store is `Text`, never markup: anybody may have written it.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import Any

from rich import box
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import gates, timelines, trees
from tfx_distill.pipeline.inspection.payload_values import MAX_ROWS, Payload, short
from tfx_distill.pipeline.inspection.summaries import RunSummary
from tfx_distill.pipeline.mlmd.records import (
    ArtifactRecord,
    ExecutionRecord,
    Graph,
    short_id,
)
from tfx_distill.pipeline.report.number_text import share
from tfx_distill.pipeline.short_text import shortened

MAX_CHANGES = 4
_MAX_VALUE = 300
_MAX_LINKS = 10
GOOD, BAD = "bold green", "bold red"


def runs(summaries: Sequence[RunSummary], *, with_time: bool = False) -> Group:
    """A block for each run: its result, what was changed for it, and its timeline."""
    lines: list[RenderableType] = []
    for summary in summaries:
        line = Text(summary.run, style="bold")
        when = f"{time(summary.started_ms)}  {duration(summary.seconds)}"
        lines.append(line.append(f"  {when}  {summary.pipeline}", style="not bold"))
        lines.append(Text("    ").append_text(_outcome(summary)))
        if summary.error:
            lines.append(indented(summary.error, 4))
        if summary.changed is not None:
            lines += [
                Text(f"    {line}", style="dim") for line in changes(summary.changed)
            ]
        if with_time:
            lines += [Text("    ") + line for line in timelines.lines(summary.timeline)]
    return Group(*lines) if lines else Group(Text("There are no runs."))


def _outcome(summary: RunSummary) -> Text:
    if summary.state != "COMPLETE":
        at = f" at {summary.failed_node}" if summary.failed_node else ""
        return Text(f"{summary.state}{at}", style=BAD)
    text = Text()
    if summary.student_accuracy is not None:
        teacher, student = (
            share(summary.teacher_accuracy),
            share(summary.student_accuracy),
        )
        text.append(f"teacher {teacher}, student {student}: ")
    if summary.pushed_version:
        text.append(f"pushed as {summary.pushed_version}", style=GOOD)
    elif summary.blessed is None:
        text.append("complete, no verdict")
    else:
        text.append(*(("blessed", GOOD) if summary.blessed else ("NOT blessed", BAD)))
    if tested := gates.tested_text(summary.num_tested):
        text.append(f". {tested}")
    if summary.nodes and summary.cached == summary.nodes:
        text.append(" (all from the cache)", style="dim")
    return text


def changes(
    changed: Mapping[str, tuple[Any, Any]], limit: int = MAX_CHANGES
) -> list[str]:
    """`key: old → new`, at most `limit` lines."""
    if not changed:
        return ["same configuration"]
    lines = [
        f"{key}: {cut(short(old) or 'none')} → {cut(short(new) or 'none')}"
        for key, (old, new) in list(changed.items())[:limit]
    ]
    hidden = len(changed) - len(lines)
    more = f"… and {hidden} more; see `{hints.command('diff RUN RUN')}`"
    return [*lines, more] if hidden else lines


def artifacts(newest_first: Sequence[ArtifactRecord]) -> Table:
    table = plain_table("id", "type", "made by", "run", "when")
    for artifact in newest_first:
        state = "" if artifact.state in ("LIVE", "") else f" {artifact.state}"
        table.add_row(
            short_id(artifact.id),
            Text(artifact.type_name + state),
            Text(artifact.node or "–"),
            Text(artifact.run or "–"),
            time(artifact.created_ms)[5:16],
        )
    return table


def artifact(graph: Graph, record: ArtifactRecord, payload: Payload) -> Group:
    """Everything about one artifact."""
    parts: list[RenderableType] = [
        Text(f"{record.type} {short_id(record.id)}  {record.state}", style="bold"),
        facts({"uri": record.uri, "made": time(record.created_ms), "run": record.run}),
    ]
    for title, linked in (
        ("made by", graph.producers(record.id)),
        ("read by", graph.consumers(record.id)),
    ):
        parts += [
            Text(f"{title} ").append_text(trees.label(e)) for e in linked[:_MAX_LINKS]
        ]
        if len(linked) > _MAX_LINKS:
            parts.append(Text(f"{title} {len(linked) - _MAX_LINKS} more"))
    parts += [Text("\nProperties", style="bold"), facts(record.properties)]
    return Group(*parts, *contents(payload))


def contents(payload: Payload) -> list[RenderableType]:
    parts: list[RenderableType] = []
    heading = Text("\nContent", style="bold")
    if payload.problem:
        return [heading, Text(payload.problem, overflow="fold")]
    if payload.facts:
        parts += [heading, facts(payload.facts)]
    for table in payload.tables:
        drawn = plain_table(*table.columns)
        for place, column in enumerate(drawn.columns):
            if all(isinstance(row[place], int | float | None) for row in table.rows):
                column.justify = "right"
        for row in table.rows[:MAX_ROWS]:
            drawn.add_row(*(Text(cut(short(value))) for value in row))
        parts += [Text(f"\n{table.title}", style="bold"), drawn]
        if len(table.rows) > MAX_ROWS:
            parts.append(Text(f"… and {len(table.rows) - MAX_ROWS:,} more: --json"))
    return parts


def execution(graph: Graph, record: ExecutionRecord) -> Group:
    """Everything about one execution."""
    heading = f"execution:{short_id(record.id)} {record.node}  {record.state}"
    made = {
        "type": record.type,
        "run": record.run,
        "started": time(record.created_ms),
        "took": duration(record.seconds),
    }
    parts: list[RenderableType] = [Text(heading, style="bold"), facts(made)]
    for title, linked in (
        ("reads", graph.inputs(record.id)),
        ("writes", graph.outputs(record.id)),
    ):
        parts += [
            Text(f"{title} ").append_text(trees.label(a, key)) for key, a in linked
        ]
    return Group(*parts, Text("\nProperties", style="bold"), facts(record.properties))


def lineage(
    graph: Graph, record: ArtifactRecord | ExecutionRecord, *, up: bool, down: bool
) -> Group:
    """A tree for each requested direction."""
    parts: list[RenderableType] = []
    for title, wanted in (("Made from", up), ("Used for", down)):
        if wanted:
            tree = trees.tree(graph, record, up=title == "Made from")
            parts += [Text(title, style="bold"), tree]
    if graph.truncated:
        parts.append(Text("The lineage is larger than shown: it was cut."))
    return Group(*parts)


def facts(values: Mapping[str, Any]) -> Table:
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, value in values.items():
        if value not in (None, ""):
            table.add_row(Text(f"  {name}", style="dim"), Text(cut(short(value))))
    return table


def plain_table(*columns: str) -> Table:
    # Two columns of space between values.
    table = Table(
        box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0)
    )
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def indented(text: str, by: int = 2) -> Padding:
    """A paragraph with all its lines indented."""
    return Padding(Text(text, overflow="fold"), (0, 0, 0, by), expand=False)


def cut(text: str) -> str:
    """A value on one line, shortened if it is long."""
    return shortened(" ".join(text.split()), _MAX_VALUE)


def time(milliseconds: int) -> str:
    """Local time, to the second."""
    if not milliseconds:
        return "–"
    when = datetime.datetime.fromtimestamp(milliseconds / 1000)
    return when.strftime("%Y-%m-%d %H:%M:%S")


def duration(seconds: float) -> str:
    if round(seconds, 1) < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"

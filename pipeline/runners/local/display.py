"""What users see at the end of a run."""

from __future__ import annotations

import os

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import gates, render
from tfx_distill.pipeline.report.number_text import count, share, signed
from tfx_distill.pipeline.runners.local.results import (
    ModelResult,
    RunResult,
)
from tfx_distill.trainer.config.servability_config import BATCH_SIZES
from tfx_distill.trainer.config.training_config import FLOAT32


def notice(text: str) -> Panel:
    """A panel that stands out."""
    return Panel(Text(text), title="NOTICE", border_style="bold yellow", box=box.HEAVY)


def result_table(result: RunResult) -> Group:
    """The end of a run: both models, the verdict, and the student's place."""
    # A folder of images has no version.
    dataset = f"{result.dataset} {result.dataset_version}".strip()
    table = Table(
        title=f"{escape(dataset)}, {result.num_test_examples:,} test images",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    table.add_column("")
    table.add_column("teacher", justify="right")
    table.add_column("student", justify="right")
    models = result.teacher, result.student
    table.add_row("accuracy on test", *(share(model.accuracy) for model in models))
    table.add_row("parameters", *(count(model.parameters) for model in models))
    table.add_row("size on disk", *(_size(model.bytes) for model in models))
    precisions = [model.precision or "" for model in models]
    if {*precisions} - {"", FLOAT32}:
        table.add_row("trained in", *precisions)
    for size in BATCH_SIZES:
        images = "1 image" if size == 1 else f"{size} images"
        latencies = [_latency(model, size) for model in models]
        if any(latencies):
            table.add_row(f"latency of {images}", *latencies)
    table.add_row("agreement with the teacher", "", share(result.agreement))
    if "low" in result.paired:
        table.add_row(
            "difference to the teacher", "", signed(result.paired["difference"])
        )
        table.add_row("  95 % lower bound", "", f"{result.paired['low']:+.4f}")
    tables = [table, _lite_table(result)] if result.lite else [table]
    return Group(*tables, *_verdict_lines(result))


def _lite_table(result: RunResult) -> Table:
    """The student's LiteRT files beside the student."""
    table = Table(title="LiteRT", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("")
    for column in (
        "accuracy on test",
        "difference\nto the student",
        "size",
        "ms per image\n(1 thread)",
    ):
        table.add_column(column, justify="right")
    for flavour, lite in result.lite.items():
        student = result.student.accuracy
        table.add_row(
            flavour if lite.ok else f"{flavour} (not pushed)",
            share(lite.accuracy),
            signed(None if student is None else lite.accuracy - student),
            _size(lite.bytes),
            f"{lite.latency_ms:.3g}",
        )
    return table


def _verdict_lines(result: RunResult) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if result.teacher.bytes is None:
        lines.append(Text(_answers(result.teacher), overflow="fold"))
    if result.blessed:
        lines.append(Text("Student blessed.", style="bold green"))
    else:
        lines.append(Text("Student NOT blessed. Nothing was pushed.", style="bold red"))
        lines += [render.indented(reason) for reason in result.reasons]
    for text in (result.against_teacher, gates.tested_text(result.num_tested)):
        if text:
            lines.append(Text(text, overflow="fold"))
    if result.headroom:
        lines.append(Text(result.headroom.conclusion, overflow="fold"))
    if result.comparison:
        lines.append(Text(result.comparison.conclusion, overflow="fold"))
    if result.served:
        lines.append(Text(_served(result.served), overflow="fold"))
    if result.pushed:
        lines.append(Text(f"Pushed to {result.pushed}", overflow="fold"))
        if result.newest != result.pushed:
            version = os.path.basename(result.pushed)
            again = hints.command(f"rollback {version} --reason TEXT")
            lines.append(
                Text(
                    "An earlier run pushed it; servers load the newest version, "
                    f"{result.newest}. To serve this one again: {again}",
                    style="bold yellow",
                    overflow="fold",
                )
            )
    lines.append(Text(f"Run {result.run_dir}", style="dim", overflow="fold"))
    return lines


def _answers(teacher: ModelResult) -> str:
    return (
        f"The teacher is the answers of {teacher.path}. It has no latency, so "
        "servability.max_times_teacher does not apply."
    )


def _served(served: Served) -> str:
    """The comparison with the model that served before, in a line."""
    model = f"version {served.version}" if served.version else served.uri
    if served.problem or served.difference is None or served.low is None:
        return f"Not compared with the model that served ({model}): {served.problem}"
    return (
        f"Against the model that served ({model}): {signed(served.difference)}, "
        f"95 % lower bound {served.low:+.4f}{served.churn_text}"
    )


def _latency(model: ModelResult, size: int) -> str:
    median = model.latency.get(str(size), {}).get("median_ms")
    return "" if median is None else f"{median:.3g} ms"


def _size(size_bytes: int | None) -> str:
    return "" if size_bytes is None else f"{size_bytes / 1000:,.0f} kB"

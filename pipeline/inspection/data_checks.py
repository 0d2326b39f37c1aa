"""The command `distill data check`: a data set in one table, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline.inspection import render
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import data_check, data_findings
from tfx_distill.trainer.data.data_report import DataReport

_MAX_CLASSES = 30  # that get a line each


@dataclasses.dataclass(frozen=True)
class DataCheck:
    """What was found.

    Attributes:
        report: About the data set.
        notices: What the user should know, each a sentence or two.
        refusals: Why a run would refuse it.
    """

    report: DataReport
    notices: tuple[str, ...]
    refusals: tuple[str, ...]

    def to_json(self) -> str:
        values = dataclasses.asdict(self)
        return json.dumps({**values.pop("report"), **values}, indent=2)


def check(data: DataConfig) -> DataCheck:
    """Reads the whole data set.

    Raises:
        DataError: If it is unavailable.
    """
    from tfx_distill.components.example_gen import sources

    report = data_check.look(sources.open_source(data), data)
    return DataCheck(
        report,
        tuple(data_findings.notices(report, data)),
        tuple(data_findings.refusals(report, data)),
    )


def table(found: DataCheck) -> Group:
    """The data set as people read it."""
    report = found.report
    shape = " x ".join(map(str, report.image_shape))
    title = Text(f"{report.dataset}, images of {shape}", style="bold")
    lines: list[RenderableType] = [title, _classes(report), _sizes(report)]
    lines += [render.indented(text) for text in found.notices]
    if found.refusals:
        lines.append(Text("A run would refuse this data set:", style="bold red"))
        lines += [render.indented(text) for text in found.refusals]
    else:
        lines.append(Text("A run would use this data set.", style="bold green"))
    return Group(*lines)


def _classes(report: DataReport) -> Table:
    grid = Table(box=box.SIMPLE_HEAD, show_footer=True)
    total = report.num_examples
    grid.add_column("class", footer="all")
    for split, number in total.items():  # unlabelled, if there, has no classes
        grid.add_column(split, justify="right", footer=f"{number:,}")
    rows = list(zip(report.class_names, *report.num_images.values(), strict=True))
    for name, *counts in rows[:_MAX_CLASSES]:
        grid.add_row(escape(name), *(f"{count:,}" for count in counts))
    rest = rows[_MAX_CLASSES:]
    if rest:
        columns = list(zip(*rest, strict=True))[1:]
        spans = (f"{min(column):,} to {max(column):,}" for column in columns)
        grid.add_row(f"{len(rest):,} more, each", *spans)
    return grid


def _sizes(report: DataReport) -> Table:
    grid = Table(box=box.SIMPLE_HEAD)
    for column in ("pixels", "smallest", "median", "largest"):
        grid.add_column(column, justify="left" if column == "pixels" else "right")
    grid.add_row("height", *(f"{value:,}" for value in report.heights))
    grid.add_row("width", *(f"{value:,}" for value in report.widths))
    return grid

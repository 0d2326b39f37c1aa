"""The command `distill data check`: a data set in one table, and what is wrong with it."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from tfx_distill.components.evaluator import margin_check
from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.inspection import render
from tfx_distill.trainer.data import data_check, data_findings
from tfx_distill.trainer.data.data_report import DataReport, EqualImages
from tfx_distill.trainer.errors import ConfigError

_MAX_CLASSES = 30  # that get a line each


@dataclasses.dataclass(frozen=True)
class DataCheck:
    """What was found.

    Attributes:
        report: About the data set.
        notices: What the user should know, each a sentence or two.
        refusals: Why a run would refuse it.
        gate: The gate's bounds that are fitted to it, in lines.
    """

    report: DataReport
    notices: tuple[str, ...]
    refusals: tuple[str, ...]
    gate: tuple[str, ...] = ()

    def to_json(self) -> str:
        values = dataclasses.asdict(self)
        return json.dumps({**values.pop("report"), **values}, indent=2)


def check(config: PipelineConfig) -> DataCheck:
    """Reads the whole data set.

    Raises:
        DataError: If it is unavailable.
    """
    from tfx_distill.components.example_gen import sources

    data = config.data
    report = data_check.look(sources.open_source(data), data)
    refusals, gate = list(data_findings.refusals(report, data)), tuple[str, ...]()
    try:
        gate = margin_check.of_report(config.gate, report)
    except ConfigError as error:
        refusals.append(str(error))
    notices = tuple(data_findings.notices(report, data))
    return DataCheck(report, notices, tuple(refusals), gate)


def table(found: DataCheck) -> Group:
    """The data set as people read it."""
    report = found.report
    shape = " x ".join(map(str, report.image_shape))
    title = Text(f"{report.dataset}, images of {shape}", style="bold")
    sizes = render.indented(_sizes(report))
    lines: list[RenderableType] = [title, _counts(report), sizes]
    lines += [render.indented(text) for text in found.notices]
    lines += [Text(f"  {line}", overflow="fold") for line in found.gate]
    if found.refusals:
        lines.append(Text("A run would refuse this data set:", style="bold red"))
        lines += [render.indented(text) for text in found.refusals]
    else:
        lines.append(Text("A run would use this data set.", style="bold green"))
    return Group(*lines)


def _counts(report: DataReport) -> Table:
    """Images by split: of each class, and those that occur again."""
    grid = Table(box=box.SIMPLE_HEAD)
    total = report.num_examples
    grid.add_column("class")
    for split in total:  # unlabelled, if there, has no classes
        grid.add_column(split, justify="right")
    rows = list(zip(report.class_names, *report.num_images.values(), strict=True))
    for name, *counts in rows[:_MAX_CLASSES]:
        grid.add_row(escape(name), *_numbers(counts))
    rest = rows[_MAX_CLASSES:]
    if rest:
        columns = list(zip(*rest, strict=True))[1:]
        spans = (f"{min(column):,} to {max(column):,}" for column in columns)
        grid.add_row(f"{len(rest):,} more, each", *spans)
    grid.add_row("all", *_numbers(total.values()), style="bold")
    grid.add_section()
    again = (report.duplicates.get(split, EqualImages()) for split in total)
    grid.add_row("more than once", *_numbers(equal.number for equal in again))
    for at, first in enumerate(list(total)[:-1], 1):
        pairs = (f"{first}, {second}" for second in list(total)[at:])
        both = (report.overlaps.get(pair, EqualImages()) for pair in pairs)
        grid.add_row(f"also in {first}", *[""] * at, *_numbers(e.number for e in both))
    return grid


def _numbers(values: Iterable[int]) -> list[str]:
    return [f"{value:,}" for value in values]


def _sizes(report: DataReport) -> str:
    spreads = f"heights {_spread(report.heights)}; widths {_spread(report.widths)}"
    return f"Sizes in pixels: {spreads}."


def _spread(values: Sequence[int]) -> str:
    low, middle, high = values
    return f"{low:,}" if low == high else f"{low:,} to {high:,}, median {middle:,}"

"""A report as one self-contained HTML file that makes no network requests.

Jinja escapes every value. In case one is missed, the content security policy allows
only the page's own script and style, named by their hashes, and no requests.
"""

from __future__ import annotations

import base64
import functools
import hashlib
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup, escape

from tfx_distill.pipeline.report import class_tables, compare, number_text
from tfx_distill.pipeline.report.charts import (
    drift_chart,
    lineage_drawing,
    robustness_chart,
    run_charts,
    search_charts,
)
from tfx_distill.pipeline.report.report_data import Report
from tfx_distill.trainer.tuning import trials

if TYPE_CHECKING:
    from tfx_distill.pipeline.monitoring.monitor import Monitored


def run_page(report: Report) -> str:
    """The page of one run."""
    return _render(
        "run.html.j2",
        title=f"{report.pipeline}, run {report.run.name}",
        report=report,
        lineage=lineage_drawing.laid_out(report.graph, report.run.name),
        charts=run_charts,
        search_charts=search_charts,
        robustness=robustness_chart.robustness,
        classes=class_tables,
    )


def comparison_page(reports: Sequence[Report]) -> str:
    """The page of several runs, side by side."""
    return _render(
        "comparison.html.j2",
        title=f"{len(reports)} runs of {reports[0].pipeline}",
        reports=reports,
        side_by_side=compare,
    )


def monitored_page(found: Monitored, summary: str, notes: Sequence[str]) -> str:
    """The page of what `distill monitor` found."""
    return _render(
        "monitor.html.j2",
        title=f"Version {found.version}: {'drift' if found.tripped else 'no drift'}",
        found=found,
        summary=summary,
        notes=notes,
        chart=drift_chart.shares,
    )


def _render(template: str, **values: Any) -> str:
    environment = _environment()
    style = _file(environment, "style.css")
    script = _file(environment, "script.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_hash(style)}; "
        f"script-src {_hash(script)}; base-uri 'none'; form-action 'none'"
    )
    return environment.get_template(template).render(
        # Our own files, which need no escaping.
        style=Markup(style),
        script=Markup(script),
        policy=policy,
        **values,
    )


@functools.cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("tfx_distill.pipeline.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        count=number_text.count,
        share=number_text.share,
        signed=number_text.signed,
        ends=number_text.ends,
        bytes=number_text.size,
        number=number_text.number,
        plain=number_text.setting,
        settings=trials.settings_text,
        heat=_heat,
        bound_of_class=lambda key: re.sub(r"^gate\.((min|max)_)?class_", "", key),
        breakable=_breakable,
    )
    return environment


def _file(environment: jinja2.Environment, name: str) -> str:
    assert environment.loader is not None
    return environment.loader.get_source(environment, name)[0]


def _hash(content: str) -> str:
    """The name of an inline script or style in a content security policy."""
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _heat(count: int, most: int) -> int:
    """The colour strength of a cell in a confusion matrix, in [0, 9]."""
    if not count or not most:
        return 0
    return max(1, min(9, round(9 * count / most)))


def _breakable(key: str) -> Markup:
    """A configuration key that a narrow column may break after dots and underscores."""
    text = str(escape(key))
    for sign in "._":
        text = text.replace(sign, f"{sign}<wbr>")
    return Markup(text)

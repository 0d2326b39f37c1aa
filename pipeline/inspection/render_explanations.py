"""Prints explanations, differences, and what may be deleted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.pipeline.inspection import gates, render
from tfx_distill.pipeline.inspection.diff import Difference
from tfx_distill.pipeline.inspection.explanation import Explanation, ModelOrigin
from tfx_distill.pipeline.inspection.gates import Gate
from tfx_distill.pipeline.inspection.gc import Garbage
from tfx_distill.pipeline.inspection.payload_values import short

_MAX_FAILED = 12
_MAX_REASONS = 5  # each bound is also in its gate's table
_FINGERPRINT = 16
_MAX_PATHS = 20


def explanation(found: Explanation) -> Group:
    """The answer first, then what failed, then where everything comes from."""
    summary = found.run
    style = render.GOOD if summary.pushed_version else render.BAD
    parts: list[RenderableType] = [Text(found.conclusion, style=style)]
    reasons = found.reasons[:_MAX_REASONS]
    parts += [render.indented(reason) for reason in reasons]
    if len(found.reasons) > len(reasons):
        parts.append(render.indented(f"… and {len(found.reasons) - len(reasons)} more"))
    for rollback in found.rollbacks:
        what = (
            f"Rolled back from {rollback['rolled_back_from']} to "
            f"{rollback['rolled_back_to']} (as {rollback['version']}) by "
            f"{rollback['rolled_back_by']}, {render.time(rollback['at_ms'])}: "
            f"{rollback['reason']}"
        )
        parts.append(Text(what, overflow="fold"))
    for gate in found.gates:
        parts += _gate(gate)
    chain = {
        "data": _data(found.data),
        "teacher": _model(found.teacher),
        "student": _model(found.student),
        "run": f"{summary.run}, {render.time(summary.started_ms)}, "
        f"{render.duration(summary.seconds)}, {summary.cached} of {summary.nodes} nodes "
        "from the cache",
        "versions": ", ".join(f"{n} {v}" for n, v in found.versions.items()),
    }
    if summary.changed is not None:
        chain["changed"] = "; ".join(render.changes(summary.changed))
    return Group(*parts, Text(), render.facts(chain))


def _gate(gate: Gate) -> list[RenderableType]:
    answer, style = (
        ("blessed", render.GOOD) if gate.blessed else ("NOT blessed", render.BAD)
    )
    failed = [check for check in gate.checks if not check.ok]
    passed = [check for check in gate.checks if check.ok]
    overall = [check for check in passed if check.slice == "overall"]
    heading = Text(f"\n{gate.node} {gate.artifact}: ", style="bold").append(
        answer, style
    )
    heading.append(
        f", {len(passed)} of {len(gate.checks)} bounds passed", style="not bold"
    )
    parts: list[RenderableType] = [heading]
    shown = failed[:_MAX_FAILED] + overall
    if shown:
        table = render.plain_table("", "bound of", "on", "value", "bound")
        for check, word, bound in gates.bounds(shown):
            style = "" if check.ok else render.BAD
            value = short(check.value) or "missing"
            cells = (check.name, check.slice, value, bound)
            table.add_row(Text(word, style=style), *map(Text, cells))
        table.columns[3].justify = "right"
        parts.append(table)
    hidden = [c for c in passed if c.slice != "overall"]
    if hidden or len(failed) > _MAX_FAILED:
        more = max(0, len(failed) - _MAX_FAILED)
        text = f"  {more} more failed, " if more else "  "
        text += f"{len(hidden)} passed on single classes: distill show {gate.artifact}"
        parts.append(Text(text))
    if gate.served:
        parts.append(render.indented(_served(gate.served)))
    return parts


def _served(served: Served) -> str:
    """The comparison with the model that served before, in a sentence."""
    name = served.version or served.uri or "the served model"
    text = f"against {name}, {served.rule.replace('_', ' ')}: "
    if served.problem:
        return text + served.problem
    accuracy, difference, low, high = (
        short(value) or "?"
        for value in (served.accuracy, served.difference, served.low, served.high)
    )
    return f"{text}accuracy {accuracy}, difference {difference} ({low} to {high})"


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return ""
    name = (
        f"{data.get('dataset', data['uri'])} {data.get('dataset_version', '')}".strip()
    )
    fingerprint = str(data.get("data_fingerprint", ""))[:_FINGERPRINT]
    text = f"artifact {data['artifact']}: {name}"
    return f"{text}, fingerprint {fingerprint}…" if fingerprint else text


def _model(model: ModelOrigin | None) -> str:
    if model is None:
        return ""
    size = f", {model.parameters:,} parameters" if model.parameters else ""
    accuracy = f", accuracy {model.accuracy:.4f}" if model.accuracy is not None else ""
    return f"artifact {model.artifact} of {model.node}{size}{accuracy}, run {model.run}"


def difference(found: Difference) -> Group:
    """Two runs side by side; equal values are left out."""
    parts: list[RenderableType] = [
        Text(f"{found.before} → {found.after}", style="bold")
    ]
    sections = (
        ("Configuration", found.configuration),
        ("Data", found.data),
        ("Results", found.results),
        ("Versions", found.versions),
    )
    for title, changed in sections:
        parts.append(Text(title, style="bold"))
        if changed is None:
            parts.append(Text("  not recorded for both"))
        elif not changed:
            parts.append(Text("  no difference"))
        else:
            parts += [
                Text(f"  {line}") for line in render.changes(changed, len(changed))
            ]
    table = render.plain_table("node", "before", "after", "output")
    for node in found.nodes:
        same = "same" if node.same_outputs else "different"
        if "–" in (node.before, node.after):
            same = "–"
        table.add_row(*map(Text, (node.node, node.before, node.after, same)))
    return Group(*parts, table)


def garbage(found: Garbage) -> Group:
    """What may be deleted, what must stay, and the sizes."""
    title = "Deleted" if found.deleted else "May be deleted"
    sizes = f"{found.bytes / 1e6:,.1f} MB"
    parts: list[RenderableType] = [
        Text(
            f"{title}: {len(found.artifacts)} artifacts and {len(found.run_dirs)} run "
            f"folders, {sizes}. Kept: {found.kept} artifacts.",
            style="bold",
        )
    ]
    paths = [item.uri for item in found.artifacts] + list(found.run_dirs)
    parts += [Text(f"  {path}", overflow="fold") for path in paths[:_MAX_PATHS]]
    if len(paths) > _MAX_PATHS:
        parts.append(Text(f"  … and {len(paths) - _MAX_PATHS} more; --json lists all"))
    if paths and not found.deleted:
        parts.append(Text("Nothing was deleted yet; --delete deletes it."))
    return Group(*parts)

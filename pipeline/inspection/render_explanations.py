"""Prints explanations, differences, and what may be deleted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.text import Text

from tfx_distill.components.checks import Bound
from tfx_distill.components.evaluator.verdict import Served
from tfx_distill.components.property_names import NUM_EXAMPLES
from tfx_distill.pipeline import hints
from tfx_distill.pipeline.inspection import gates, render
from tfx_distill.pipeline.inspection.diff import Difference
from tfx_distill.pipeline.inspection.explanation import Explanation, ModelOrigin
from tfx_distill.pipeline.inspection.gates import Gate
from tfx_distill.pipeline.inspection.payload_values import short
from tfx_distill.pipeline.mlmd.records import short_id
from tfx_distill.pipeline.short_text import shortened
from tfx_distill.trainer.data.raw_images import UNLABELLED

if TYPE_CHECKING:  # all of the configuration's schema
    from tfx_distill.pipeline.inspection.gc import Garbage

_MAX_REASONS = 5
_MAX_NAME = 30
_FINGERPRINT = 16
_MAX_PATHS = 20


def explanation(found: Explanation) -> Group:
    """The answer first, then what failed, then where everything comes from."""
    summary = found.run
    style = render.GOOD if summary.pushed_version else render.BAD
    parts: list[RenderableType] = [Text(found.conclusion, style=style)]
    if found.missing:
        parts.append(Text(found.missing, style=render.BAD, overflow="fold"))
    parts += [render.indented(reason) for reason in _untold(found)]
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
    if found.effect:
        parts.append(Text("\nDistillation", style="bold"))
        parts += [render.indented(sentence) for sentence in found.effect]
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


def _untold(found: Explanation) -> list[str]:
    """The reasons that are not in the table of a gate's bounds."""
    reasons = gates.not_told(found.reasons, found.gates)
    hidden = len(reasons) - _MAX_REASONS
    rest = [f"… and {hidden} more"] if hidden > 0 else []
    return reasons[:_MAX_REASONS] + rest


def _gate(gate: Gate) -> list[RenderableType]:
    answer, style = (
        ("blessed", render.GOOD) if gate.blessed else ("NOT blessed", render.BAD)
    )
    bounds = gate.bounds
    heading = Text(f"\n{gate.node} {short_id(gate.artifact)}: ", style="bold").append(
        answer, style
    )
    passed = sum(bound.ok for bound in bounds)
    counts = f", {passed} of {len(bounds)} bounds passed"
    is_known = bool(bounds) or not gate.problem
    heading.append(counts if is_known else ", bounds unknown", style="not bold")
    parts: list[RenderableType] = [heading]
    if bounds:
        table = render.plain_table("", "bound of", "on", "value", "bound")
        for bound in bounds:
            worst, style = bound.worst, "" if bound.ok else render.BAD
            value = short(worst.value) or "missing"
            cells = (worst.name, _place(bound), value, gates.limit(worst))
            table.add_row(Text(gates.result(bound), style=style), *map(Text, cells))
        table.columns[3].justify = "right"
        parts.append(table)
    if gate.problem:
        source = "by the blessing's metadata; " if bounds else ""
        problem = f"{source}the verdict's file is not readable here: {gate.problem}"
        parts.append(render.indented(problem))
    elif any(bound.num_checks > 1 for bound in bounds):
        shown = hints.command(f"show {short_id(gate.artifact)}")
        parts.append(Text(f"  all classes: {shown}"))
    for text in (gate.against_teacher, gates.tested_text(gate.num_tested)):
        if text:
            parts.append(render.indented(text))
    parts += [Text(f"  {line}", overflow="fold") for line in gate.notes]
    if gate.served:
        parts.append(render.indented(_served(gate.served)))
    return parts


def _place(bound: Bound) -> str:
    """On what a bound was checked; of several classes the worst."""
    if bound.num_checks == 1:
        return shortened(bound.worst.slice, _MAX_NAME)
    name, many = shortened(bound.worst.slice, _MAX_NAME), f"{bound.num_checks:,}"
    if bound.num_failed:
        return f"{name} ({bound.num_failed:,} of {many} failed)"
    return f"{name} (worst of {many})"


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
    text += f"accuracy {accuracy}, difference {difference} ({low} to {high})"
    return text + served.churn_text


def _data(data: Mapping[str, Any]) -> str:
    if not data:
        return ""
    name = (
        f"{data.get('dataset', data['uri'])} {data.get('dataset_version', '')}".strip()
    )
    fingerprint = str(data.get("data_fingerprint", ""))[:_FINGERPRINT]
    text = f"artifact {short_id(data['artifact'])}: {name}"
    numbers = json.loads(data.get(NUM_EXAMPLES) or "{}")
    if unlabelled := numbers.get(UNLABELLED):
        text += f", {unlabelled:,} images without labels for the student"
    return f"{text}, fingerprint {fingerprint}…" if fingerprint else text


def _model(model: ModelOrigin | None) -> str:
    if model is None:
        return ""
    size = f", {model.parameters:,} parameters" if model.parameters else ""
    accuracy = f", accuracy {model.accuracy:.4f}" if model.accuracy is not None else ""
    if model.answers:
        return f"answers of {model.answers}{accuracy}, run {model.run}"
    made = f"artifact {short_id(model.artifact)} of {model.node}{size}{accuracy}"
    made += f", run {model.run}"
    origins = (
        f", imported from {origin.get('place')}, SHA-256 {origin.get('digest')}"
        for origin in model.imported
    )
    return made + "".join(origins)


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
            f"{title}: {len(found.artifacts)} artifacts, {len(found.run_dirs)} run "
            f"folders and {len(found.checkpoints)} states of killed trainings, {sizes}. "
            f"Kept: {found.kept} artifacts.",
            style="bold",
        )
    ]
    paths = [item.uri for item in found.artifacts]
    paths += (*found.run_dirs, *found.checkpoints)
    parts += [Text(f"  {path}", overflow="fold") for path in paths[:_MAX_PATHS]]
    if len(paths) > _MAX_PATHS:
        parts.append(Text(f"  … and {len(paths) - _MAX_PATHS} more; --json lists all"))
    if paths and not found.deleted:
        parts.append(Text("Nothing was deleted yet; --delete deletes it."))
    return Group(*parts)

"""Commands that say what runs did, and why: they read ML Metadata, no TensorFlow."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from typing import Any, TypeVar

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.pipeline.config.loader import load_config, load_places

Command = TypeVar("Command", bound=Callable[..., Any])
_EXECUTION = "execution:"
_MAX_ID = 2**63 - 1  # of ML Metadata


def _store_options(command: Command) -> Command:
    """Adds the options that say which store."""
    command = click.option(
        "--metadata",
        "place",
        metavar="FILE|URL",
        help="A SQLite file, or grpc://HOST:PORT; default: as configured.",
    )(command)
    return options.configured(command)


def _open(file: str | None, overrides: tuple[str, ...], place: str | None) -> Any:
    places = load_places(file, overrides)
    from tfx_distill.pipeline.mlmd import read_only_store

    return read_only_store.open_store(places, place)


def _print(result: Any, as_json: bool, drawn: Callable[[Any], Any]) -> None:
    if as_json:
        click.echo(json.dumps(result, indent=2, default=_plain, ensure_ascii=False))
        return
    from tfx_distill.pipeline import log_capture

    log_capture.direct().out.print(drawn(result), highlight=False)


def _plain(value: Any) -> Any:
    """Records as objects; what else JSON does not know as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return str(value)


@click.command()
@_store_options
@click.option(
    "--limit",
    default=20,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many at most.",
)
@options.json_option("Print the runs as a JSON list.")
def runs(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List runs: what was changed for each, and what came of it.

    The newest first.

    \b
    Examples:
      distill runs
      distill runs --metadata grpc://localhost:8080
    """
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import render, summaries

    found = store.runs(limit + 1)
    graph = store.graph_of_runs(found)
    _print(summaries.summarize(graph, found, limit), as_json, render.runs)


@click.command()
@_store_options
@click.option("--type", "type_name", metavar="TYPE", help="Only these, such as Model.")
@click.option(
    "--run", metavar="RUN", help="Only those of this run; its beginning will do."
)
@click.option(
    "--limit",
    default=30,
    show_default=True,
    type=click.IntRange(min=1),
    help="How many at most.",
)
@options.json_option("Print the artifacts as a JSON list.")
def artifacts(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    type_name: str | None,
    run: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """List artifacts, the newest first.

    \b
    Example: distill artifacts --type Model --limit 5
    """
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import render

    if run is None:
        graph = store.artifacts(type_name, limit)
        found = list(graph.artifacts.values())
    else:
        graph = store.graph_of_runs([store.run(run)])
        made = (a for e in graph.executions for _, a in graph.outputs(e))
        found = [a for a in {a.id: a for a in made}.values() if a.is_of_type(type_name)]
    found = sorted(found, key=lambda artifact: artifact.id, reverse=True)[:limit]
    _print(found, as_json, render.artifacts)


def _id(text: str) -> tuple[int, bool]:
    """The number, and whether it is an execution's."""
    number = text.removeprefix(_EXECUTION)
    if not number.isdecimal() or int(number) > _MAX_ID:
        raise click.BadParameter(
            f"received {text!r}, expected an artifact's id such as 12, or "
            f"{_EXECUTION}12",
            param_hint="ID",
        )
    return int(number), text != number


@click.command()
@_store_options
@click.argument("id_", metavar="ID")
@options.json_option("Print everything as one JSON object.")
def show(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    id_: str,
    as_json: bool,
) -> None:
    """Show all that is known of an artifact or an execution.

    ID is an artifact's id, as `distill artifacts` prints it, or execution:ID.
    Opens an artifact's files: verdicts, models, statistics, schemas, anomalies,
    scores, hyperparameters, searches; of others, it lists the files.

    \b
    Examples:
      distill show 35
      distill show execution:28
    """
    number, is_execution = _id(id_)
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import payloads, render

    if is_execution:
        graph = store.lineage(execution_ids=[number], max_nodes=1)
        execution = graph.executions[number]
        content = {
            "execution": execution,
            "inputs": [{"key": k, "artifact": a} for k, a in graph.inputs(number)],
            "outputs": [{"key": k, "artifact": a} for k, a in graph.outputs(number)],
        }
        _print(content, as_json, lambda _: render.execution(graph, execution))
        return
    graph = store.around_artifact(number)
    artifact = graph.artifacts[number]
    payload = payloads.read(artifact)
    content = {
        "artifact": artifact,
        "producers": graph.producers(number),
        "consumers": graph.consumers(number),
        "payload": payload,
    }
    _print(content, as_json, lambda _: render.artifact(graph, artifact, payload))


@click.command()
@_store_options
@click.argument("id_", metavar="ID")
@click.option("--up", "only_up", is_flag=True, help="Only what it comes from.")
@click.option("--down", "only_down", is_flag=True, help="Only what came of it.")
@click.option("--dot", "as_dot", is_flag=True, help="Print the graph for Graphviz.")
@options.json_option("Print the graph as one JSON object.")
def lineage(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    id_: str,
    only_up: bool,
    only_down: bool,
    as_dot: bool,
    as_json: bool,
) -> None:
    """Show what an artifact comes from, and what came of it.

    ID is an artifact's id, as `distill artifacts` prints it, or execution:ID.

    \b
    Examples:
      distill lineage 37 --up
      distill lineage 1 --dot | dot -Tsvg > lineage.svg
    """
    number, is_execution = _id(id_)
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import render, trees

    start = {"execution_ids" if is_execution else "artifact_ids": [number]}
    both = only_up == only_down
    up, down = both or only_up, both or only_down
    graph = store.lineage(**start, up=up, down=down)
    if as_dot:
        click.echo(trees.dot(graph))
        return
    record = (graph.executions if is_execution else graph.artifacts)[number]
    content = {
        "artifacts": list(graph.artifacts.values()),
        "executions": list(graph.executions.values()),
        "events": graph.events,
        "truncated": graph.truncated,
    }
    _print(content, as_json, lambda _: render.lineage(graph, record, up=up, down=down))


@click.command()
@_store_options
@click.argument("what", metavar="[ID|VERSION|RUN]", required=False)
@options.json_option("Print the explanation as one JSON object.")
def explain(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    what: str | None,
    as_json: bool,
) -> None:
    """Say why a student was pushed, or why not.

    Of the newest run, or of a pushed version, a run, or the id of a model or
    blessing.

    \b
    Examples:
      distill explain
      distill explain 1795559639
    """
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import explanation, render_explanations

    _print(explanation.explain(store, what), as_json, render_explanations.explanation)


@click.command()
@_store_options
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@options.json_option("Print the differences as one JSON object.")
def diff(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    before: str,
    after: str,
    as_json: bool,
) -> None:
    """Compare two runs: configuration, data, results and nodes.

    \b
    Example: distill diff 20261124-211744 20261124-212249
    """
    store = _open(file, overrides, place)
    from tfx_distill.pipeline.inspection import diff, render_explanations

    _print(diff.compare(store, before, after), as_json, render_explanations.difference)


@click.command()
@options.configured
@click.option("--delete", "really", is_flag=True, help="Delete it.")
@click.option(
    "--keep",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of newest runs that stay whole.",
)
@options.json_option("Print what may be, or was, deleted as one JSON object.")
def gc(
    file: str | None,
    overrides: tuple[str, ...],
    really: bool,
    keep: int,
    as_json: bool,
) -> None:
    """Say what old runs left and nothing needs; --delete deletes it.

    Nothing goes that a blessed or served model comes from, nothing of the newest
    runs, and nothing outside of the pipeline's folder.

    \b
    Example: distill gc --keep 3 --delete
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.inspection import gc, render_explanations

    work = gc.delete if really else gc.find
    _print(work(config, keep), as_json, render_explanations.garbage)

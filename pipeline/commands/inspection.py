"""Commands that explain what ran: they read ML Metadata without loading TensorFlow."""

from __future__ import annotations

import dataclasses
import functools
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.pipeline.config.loader import load_config, load_places

if TYPE_CHECKING:
    from tfx_distill.pipeline.mlmd.store import Store

Command = TypeVar("Command", bound=Callable[..., Any])
_EXECUTION = "execution:"
_MAX_ID = 2**63 - 1  # of ML Metadata


def _reads_store(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that choose a store, and passes it opened for reading."""

    @functools.wraps(command)
    def opened(
        file: str | None,
        overrides: tuple[str, ...],
        place: str | None,
        **arguments: Any,
    ) -> Any:
        places = load_places(file, overrides)
        from tfx_distill.pipeline.mlmd import read_only_store

        return command(read_only_store.open_store(places, place), **arguments)

    metadata = click.option(
        "--metadata",
        "place",
        metavar="FILE|URL",
        help="SQLite file, or grpc://HOST:PORT; default: as configured.",
    )
    return options.configured(metadata(opened))


def _limit(default: int) -> Callable[[Command], Command]:
    return click.option(
        "--limit",
        default=default,
        show_default=True,
        type=click.IntRange(min=1),
        help="Maximum number.",
    )


class _Id(click.ParamType):
    """An id in ML Metadata: its number, and whether it is an execution's."""

    name = "ID"

    def convert(self, value: Any, param: Any, ctx: Any) -> tuple[int, bool]:
        number = value.removeprefix(_EXECUTION)
        if not number.isdecimal() or int(number) > _MAX_ID:
            self.fail(
                f"received {value!r}, expected an artifact's id such as 12, or "
                f"{_EXECUTION}12",
                param,
                ctx,
            )
        return int(number), value != number


_id_argument = click.argument("id_", metavar="ID", type=_Id())


def _print(result: Any, as_json: bool, rendered: Callable[[Any], Any]) -> None:
    if as_json:
        click.echo(json.dumps(result, indent=2, default=_plain, ensure_ascii=False))
        return
    from tfx_distill.pipeline import log_capture

    log_capture.direct().out.print(rendered(result), highlight=False)


def _plain(value: Any) -> Any:
    """Records as objects; other values unknown to JSON as text."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    return str(value)


@click.command()
@_reads_store
@_limit(20)
@options.json_option("Print the runs as a JSON list.")
def runs(store: Store, limit: int, as_json: bool) -> None:
    """List runs with their changes and results.

    The newest run comes first.

    \b
    Examples:
      distill runs
      distill runs --metadata grpc://localhost:8080
    """
    from tfx_distill.pipeline.inspection import render, summaries

    found = store.runs(limit + 1)
    graph = store.graph_of_runs(found)
    _print(summaries.summarize(graph, found, limit), as_json, render.runs)


@click.command()
@_reads_store
@click.option(
    "--type", "type_name", metavar="TYPE", help="Only this type, such as Model."
)
@click.option(
    "--run", metavar="RUN", help="Only this run's; a unique prefix is enough."
)
@_limit(30)
@options.json_option("Print the artifacts as a JSON list.")
def artifacts(
    store: Store, type_name: str | None, run: str | None, limit: int, as_json: bool
) -> None:
    """List artifacts, the newest first.

    \b
    Example: distill artifacts --type Model --limit 5
    """
    from tfx_distill.pipeline.inspection import render

    if run is None:
        found = dict(store.artifacts(type_name, limit).artifacts)
    else:
        graph = store.graph_of_runs([store.run(run)])
        made = [a for e in graph.executions for _, a in graph.outputs(e)]
        found = {a.id: a for a in made if a.is_of_type(type_name)}
    newest_first = [found[id_] for id_ in sorted(found, reverse=True)]
    _print(newest_first[:limit], as_json, render.artifacts)


@click.command()
@_reads_store
@_id_argument
@options.json_option("Print everything as one JSON object.")
def show(store: Store, id_: tuple[int, bool], as_json: bool) -> None:
    """Show everything known about an artifact or an execution.

    ID is an artifact's id, as `distill artifacts` prints it, or execution:ID.
    Shows the contents of an artifact's files: verdicts, models, statistics, schemas,
    anomalies, scores, hyperparameters, searches. Lists the files of other types.

    \b
    Examples:
      distill show 35
      distill show execution:28
    """
    from tfx_distill.pipeline.inspection import payloads, render

    number, is_execution = id_
    if is_execution:
        graph = store.around_execution(number)
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
@_reads_store
@_id_argument
@click.option("--up", "only_up", is_flag=True, help="Only what it was made from.")
@click.option("--down", "only_down", is_flag=True, help="Only what was made from it.")
@click.option("--dot", "as_dot", is_flag=True, help="Print the graph for Graphviz.")
@options.json_option("Print the graph as one JSON object.")
def lineage(
    store: Store,
    id_: tuple[int, bool],
    only_up: bool,
    only_down: bool,
    as_dot: bool,
    as_json: bool,
) -> None:
    """Show what an artifact was made from, and what was made from it.

    ID is an artifact's id, as `distill artifacts` prints it, or execution:ID.

    \b
    Examples:
      distill lineage 37 --up
      distill lineage 1 --dot | dot -Tsvg > lineage.svg
    """
    from tfx_distill.pipeline.inspection import render, trees

    number, is_execution = id_
    start: dict[str, Any] = {
        "execution_ids" if is_execution else "artifact_ids": [number]
    }
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
@_reads_store
@click.argument("what", metavar="[ID|VERSION|RUN]", required=False)
@options.json_option("Print the explanation as one JSON object.")
def explain(store: Store, what: str | None, as_json: bool) -> None:
    """Explain why a student was pushed or not.

    Explains the newest run, or the run of a pushed version, of a model's or a
    blessing's id, or of a name.

    \b
    Examples:
      distill explain
      distill explain 1795559639
    """
    from tfx_distill.pipeline.inspection import explanation, render_explanations

    _print(explanation.explain(store, what), as_json, render_explanations.explanation)


@click.command()
@_reads_store
@click.argument("before", metavar="RUN")
@click.argument("after", metavar="RUN")
@options.json_option("Print the differences as one JSON object.")
def diff(store: Store, before: str, after: str, as_json: bool) -> None:
    """Compare two runs: configuration, data, results and nodes.

    \b
    Example: distill diff 20261124-211744 20261124-212249
    """
    from tfx_distill.pipeline.inspection import diff, render_explanations

    _print(diff.compare(store, before, after), as_json, render_explanations.difference)


@click.command()
@options.configured
@click.option("--delete", "really", is_flag=True, help="Delete the files.")
@click.option(
    "--keep",
    default=5,
    show_default=True,
    type=click.IntRange(min=0),
    help="Number of newest runs that are kept whole.",
)
@options.json_option("Print what may be, or was, deleted as one JSON object.")
def gc(
    file: str | None, overrides: tuple[str, ...], really: bool, keep: int, as_json: bool
) -> None:
    """Find files of old runs that nothing needs; --delete deletes them.

    Keeps everything that a blessed or served model was made from, the newest runs,
    and everything outside of the pipeline's folder.

    \b
    Example: distill gc --keep 3 --delete
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.inspection import gc, render_explanations

    work = gc.delete if really else gc.find
    _print(work(config, keep), as_json, render_explanations.garbage)

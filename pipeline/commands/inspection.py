"""Commands that explain what ran: they read ML Metadata without loading TensorFlow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tfx_distill.pipeline.commands import completion, options, store_options
from tfx_distill.pipeline.config.loader import load_config

if TYPE_CHECKING:
    from tfx_distill.pipeline.mlmd.store import Store


@click.command()
@store_options.reads_store
@store_options.limit(20)
@click.option(
    "--time", "with_time", is_flag=True, help="Also show how long each part took."
)
@options.json_option("Print the runs as a JSON list.")
def runs(store: Store, limit: int, with_time: bool, as_json: bool) -> None:
    """List runs with their changes and results.

    The newest run comes first.

    \b
    Examples:
      distill runs
      distill runs --time --limit 1
      distill runs --metadata grpc://localhost:8080
    """
    from tfx_distill.pipeline.inspection import render, summaries

    found = store.runs(limit + 1)
    graph = store.graph_of_runs(found)
    store_options.print_result(
        summaries.summarize(graph, found, limit),
        as_json,
        lambda rows: render.runs(rows, with_time=with_time),
    )


@click.command()
@store_options.reads_store
@click.option(
    "--type", "type_name", metavar="TYPE", help="Only this type, such as Model."
)
@click.option(
    "--run",
    metavar="RUN",
    shell_complete=completion.runs,
    help="Only this run's; a unique prefix is enough.",
)
@click.option(
    "--logs", "with_logs", is_flag=True, help="Also the logs that Kubeflow stores."
)
@store_options.limit(30)
@options.json_option("Print the artifacts as a JSON list.")
def artifacts(
    store: Store,
    type_name: str | None,
    run: str | None,
    with_logs: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List artifacts, the newest first.

    \b
    Example: distill artifacts --type Model --limit 5
    """
    from tfx_distill.pipeline.inspection import listing, render

    found = listing.newest_artifacts(store, type_name, run, limit, with_logs=with_logs)
    store_options.print_result(found, as_json, render.artifacts)


@click.command()
@store_options.reads_store
@store_options.id_argument
@options.json_option("Print everything as one JSON object.")
def show(store: Store, id_: tuple[str, bool], as_json: bool) -> None:
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

    number, is_execution = store_options.found_id(store, id_)
    if is_execution:
        graph = store.around_execution(number)
        execution = graph.executions[number]
        content = {
            "execution": execution,
            "inputs": [{"key": k, "artifact": a} for k, a in graph.inputs(number)],
            "outputs": [{"key": k, "artifact": a} for k, a in graph.outputs(number)],
        }
        store_options.print_result(
            content, as_json, lambda _: render.execution(graph, execution)
        )
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
    store_options.print_result(
        content, as_json, lambda _: render.artifact(graph, artifact, payload)
    )


@click.command()
@store_options.reads_store
@store_options.id_argument
@click.option("--up", "only_up", is_flag=True, help="Only what it was made from.")
@click.option("--down", "only_down", is_flag=True, help="Only what was made from it.")
@click.option("--dot", "as_dot", is_flag=True, help="Print the graph for Graphviz.")
@options.json_option("Print the graph as one JSON object.")
def lineage(
    store: Store,
    id_: tuple[str, bool],
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

    number, is_execution = store_options.found_id(store, id_)
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
    store_options.print_result(
        content, as_json, lambda _: render.lineage(graph, record, up=up, down=down)
    )


@click.command()
@store_options.reads_store
@click.argument(
    "what", metavar="[ID|VERSION|RUN]", required=False, shell_complete=completion.runs
)
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

    store_options.print_result(
        explanation.explain(store, what), as_json, render_explanations.explanation
    )


@click.command()
@store_options.reads_store
@click.argument("before", metavar="RUN", shell_complete=completion.runs)
@click.argument("after", metavar="RUN", shell_complete=completion.runs)
@options.json_option("Print the differences as one JSON object.")
def diff(store: Store, before: str, after: str, as_json: bool) -> None:
    """Compare two runs: configuration, data, results and nodes.

    \b
    Example: distill diff 20261124-211744 20261124-212249
    """
    from tfx_distill.pipeline.inspection import diff, render_explanations

    store_options.print_result(
        diff.compare(store, before, after), as_json, render_explanations.difference
    )


@click.command()
@options.configured
@options.deleting("files", "kept whole")
@options.json_option("Print what may be, or was, deleted as one JSON object.")
def gc(
    file: str | None, overrides: tuple[str, ...], really: bool, keep: int, as_json: bool
) -> int | None:
    """Find files of old runs that nothing needs; --delete deletes them.

    Keeps everything that a blessed or served model was made from, the newest runs,
    and everything outside of the pipeline's folder.

    \b
    Example: distill gc --keep 3 --delete
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.inspection import gc, render_explanations

    work = gc.delete if really else gc.find
    store_options.print_result(work(config, keep), as_json, render_explanations.garbage)
    return 0 if really else None  # what was deleted is deleted, whoever hears of it

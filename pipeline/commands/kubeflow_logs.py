"""The command that prints the logs of a run on a server."""

from __future__ import annotations

import time
from typing import Any

import click

from tfx_distill.pipeline.commands import server_options, store_options
from tfx_distill.trainer.errors import DistillError

_EXIT_FAILED = 1


@click.command()
@click.argument("run_id", metavar="RUN")
@server_options.on_server
@click.option("--node", metavar="NAME", help="Print only this node's log.")
@click.option("--follow", is_flag=True, help="Print what is added until the run ends.")
@click.option("--launcher", is_flag=True, help="Also print lines of KFP and Argo.")
@store_options.metadata_option(
    "FILE|URL",
    "SQLite file or grpc://HOST:PORT of the server's ML Metadata, which says where the "
    "object store has logs that the server no longer has.",
)
@store_options.artifacts_option
def logs(
    run_id: str,
    access: Any,
    node: str | None,
    follow: bool,
    launcher: bool,
    place: str | None,
    endpoint: str | None,
) -> int:
    """Print the logs of the containers of the run with the ID RUN.

    Of a node whose driver failed, it is the driver's log.
    """
    server = server_options.connect(access)
    from tfx_distill.pipeline.runners.kubeflow.client import node_logs, runs_client

    store_options.use_artifacts(endpoint)
    runs = runs_client.Runs(server)
    names = runs.nodes_of(run_id)
    state = runs.state(run_id, names)
    _require_node(state.nodes, node)
    reader = node_logs.Logs(server, run_id, lambda: _records(server, place))
    printer = _Printer(reader, node, launcher)
    printer.print(state)
    while follow and not state.ended:
        time.sleep(runs_client.POLL_S)
        state = runs.state(run_id, names)
        printer.print(state)
    if printer.num_found:
        return 0
    if node is not None:
        raise reader.not_found(next(n for n in state.nodes if n.name == node))
    gone = f"The logs are gone. {reader.problem}".rstrip()
    click.echo(gone if state.ended else "There are no logs yet.", err=True)
    return _EXIT_FAILED


def _records(server: Any, place: str | None) -> Any:
    """What is recorded of the server's runs, a `Store`; None if nobody says where."""
    try:
        return store_options.records_of(server, place)
    except DistillError:
        if place is not None:
            raise
        return None


def _require_node(nodes: Any, name: str | None) -> None:
    if name is not None and name not in [item.name for item in nodes]:
        known = ", ".join(item.name for item in nodes) or "none yet"
        raise click.UsageError(f"--node: no {name!r} in this run; it has: {known}.")


class _Printer:
    """Prints logs, and later what was added to them."""

    def __init__(self, reader: Any, node: str | None, launcher: bool) -> None:
        self._reader, self._node, self._launcher = reader, node, launcher
        self._printed: dict[str, int] = {}  # characters
        self._complete: set[str] = set()  # nodes that have ended

    @property
    def num_found(self) -> int:
        """Number of nodes with a log."""
        return len(self._printed)

    def print(self, state: Any) -> None:
        """Prints what is new since the last call."""
        for item in state.nodes:
            if self._node in (None, item.name) and item.name not in self._complete:
                self._print_node(item)

    def _print_node(self, item: Any) -> None:
        from tfx_distill.pipeline.runners.kubeflow.client import node_logs

        text = self._reader.find(item)
        if text is None:
            return
        text = text if self._launcher else node_logs.without_launcher(text)
        new = text[self._printed.get(item.name, 0) :]
        if self._node is None and new.strip():
            click.echo(f"==> {item.name} <==")
        if new:
            click.echo(new.rstrip("\n"))
        self._printed[item.name] = len(text)
        if item.ended:
            self._complete.add(item.name)

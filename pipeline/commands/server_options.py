"""Options and answers that the commands on a Kubeflow server have in common."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from typing import Any

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.trainer.errors import DistillError


def on_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that say which server, and who one is there.

    The command gets them as one argument, `access`.
    """

    @functools.wraps(command)
    def with_access(
        *args: Any,
        host: str | None,
        namespace: str | None,
        token_file: str | None,
        cookies_file: str | None,
        ca_cert: str | None,
        debug: bool,
        **kwargs: Any,
    ) -> Any:
        from tfx_distill.pipeline.runners.kubeflow.client import server_access

        access = server_access.access(
            host, namespace, token_file, cookies_file, ca_cert
        )
        warning = access.warning()
        if warning:
            click.echo(f"Warning: {warning}", err=True)
        return command(*args, access=access, **kwargs)

    decorated: Callable[..., Any] = with_access
    for name, help_text in (
        ("--debug", "Show where an error came from."),
        ("--ca-cert", "Certificates that the server's is checked against."),
        ("--cookies-file", "Cookies of a proxy's sign-in; or set KF_PIPELINES_COOKIES."),
        ("--token-file", "Bearer token, read anew as it is renewed; or set "
         "KF_PIPELINES_TOKEN to a token."),
        ("--namespace", "Yours, on a server for several users."),
        ("--host", "The server's URL; or set KF_PIPELINES_ENDPOINT. Default: the "
         "cluster that this runs in, or kubectl's."),
    ):  # fmt: skip
        if name == "--debug":
            option = click.option(name, is_flag=True, help=help_text)
        else:
            kind = {"--host": "URL", "--namespace": "NAME"}.get(name, "FILE")
            option = click.option(name, metavar=kind, help=help_text)
        decorated = option(decorated)
    return decorated


def creating(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds what a submit and a schedule have in common."""
    for option in (
        options.json_option("Print the result as one JSON object."),
        click.option(
            "--service-account",
            metavar="NAME",
            help="That the containers run as.  [default: the server's]",
        ),
        click.option(
            "--pipeline-root",
            metavar="URI",
            help="Where artifacts go.  [default: the compiled one, or the server's]",
        ),
        click.option(
            "--experiment", metavar="NAME", help="[default: the pipeline's name]"
        ),
        click.option(
            "--param",
            "params",
            multiple=True,
            metavar="NAME=VALUE",
            help="One parameter of the run in place of its default. Repeatable.",
        ),
        click.argument("file", type=click.Path()),
    ):
        command = option(command)
    return command


def client(access: Any) -> Any:
    """Connects to the server."""
    try:
        from tfx_distill.pipeline.runners.kubeflow.client import runs_client as client_
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("kfp", "kfp_server_api"):
            raise
        raise DistillError(
            "The KFP client is not installed. Run: pip install 'tfx-distill[kubeflow]'"
        ) from None
    return client_.Client(access)


def print_json(**values: Any) -> None:
    """Prints an object for programs."""
    click.echo(json.dumps(values, indent=2, sort_keys=True))

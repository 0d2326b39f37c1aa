"""Options and output that the commands for a Kubeflow server share."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable, Sequence
from typing import Any

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.trainer.errors import ConfigError, DistillError

_SERVER_OPTIONS = (
    click.option(
        "--host",
        metavar="URL",
        help="The server's URL; or set KF_PIPELINES_ENDPOINT. Default: the cluster that "
        "this runs in, or kubectl's.",
    ),
    click.option(
        "--namespace", metavar="NAME", help="Your namespace on a multi-user server."
    ),
    click.option(
        "--token-file",
        metavar="FILE",
        help="Bearer token, read again for each request; or set KF_PIPELINES_TOKEN to a "
        "token.",
    ),
    click.option(
        "--cookies-file",
        metavar="FILE",
        help="Cookies of an authenticating proxy; or set KF_PIPELINES_COOKIES.",
    ),
    click.option(
        "--ca-cert",
        metavar="FILE",
        help="Certificates to verify the server's certificate with.",
    ),
    options.debug_option,
)


def on_server(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options for address and authentication.

    The command gets them as one argument, `access`, for `connect`.
    """

    @functools.wraps(command)
    def with_access(*args: Any, **kwargs: Any) -> Any:
        names = ("host", "namespace", "token_file", "cookies_file", "ca_cert")
        access = accessed(**{name: kwargs.pop(name) for name in names})
        return command(*args, access=access, **kwargs)

    return _with_options(with_access, _SERVER_OPTIONS)


def accessed(**given: Any) -> Any:
    """See `server_access.access`; warns of a secret that would be sent as it is."""
    from tfx_distill.pipeline.runners.kubeflow.client import server_access

    access = server_access.access(**given)
    warning = access.warning()
    if warning:
        click.echo(f"Warning: {warning}", err=True)
    return access


def connect(access: Any) -> Any:
    """Connects to the server and checks it; returns a `server_connection.Server`."""
    try:
        from tfx_distill.pipeline.runners.kubeflow.client import server_connection
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in ("kfp", "kfp_server_api"):
            raise
        raise DistillError(
            "The KFP client is not installed. Run: pip install 'tfx-distill[kubeflow]'"
        ) from None
    return server_connection.connect(access)


def _parsed_parameters(
    _: click.Context, __: click.Parameter, values: tuple[str, ...]
) -> dict[str, str]:
    for value in values:
        if not value.partition("=")[1]:
            raise ConfigError(f"--param: received {value!r}, expected NAME=VALUE.")
    return dict(value.split("=", 1) for value in values)


param_option = click.option(
    "--param",
    "params",
    multiple=True,
    callback=_parsed_parameters,
    metavar="NAME=VALUE",
    help="Set a run parameter. Repeatable.",
)
_REQUEST_OPTIONS = (
    click.argument("file", type=click.Path()),
    param_option,
    click.option(
        "--experiment",
        metavar="NAME",
        help="Experiment to run in.  [default: the pipeline's name]",
    ),
    click.option(
        "--pipeline-root",
        metavar="URI",
        help="Where artifacts are stored.  [default: as compiled, or the server's]",
    ),
    click.option(
        "--service-account",
        metavar="NAME",
        help="Service account of the containers.  [default: the server's]",
    ),
    options.json_option("Print the result as one JSON object."),
)


def requesting(command: Callable[..., Any]) -> Callable[..., Any]:
    """Adds the options that `submit` and `schedule` share.

    The command gets them as one argument, `request`, a `submissions.RunRequest`.
    """

    @functools.wraps(command)
    def with_request(
        *args: Any, file: str, params: dict[str, str], **kwargs: Any
    ) -> Any:
        from tfx_distill.pipeline.runners.kubeflow import run_request, server_names
        from tfx_distill.pipeline.runners.kubeflow.compiler import import_credentials

        package = uploadable(file)
        if kwargs["experiment"] is not None:
            server_names.require("--experiment", kwargs["experiment"])
        root = kwargs.pop("pipeline_root") or package.pipeline_root
        if root is not None:
            run_request.require_root(root)
        import_credentials.require_readable_imports(package, root)
        request = run_request.RunRequest(
            package,
            run_request.arguments(package, params),
            experiment=kwargs.pop("experiment"),
            pipeline_root=root,
            service_account=kwargs.pop("service_account"),
        )
        return command(*args, request=request, **kwargs)

    return _with_options(with_request, _REQUEST_OPTIONS)


def uploadable(file: str) -> Any:
    """Reads a compiled file that the server would accept, a `Package`."""
    from tfx_distill.pipeline.runners.kubeflow import pipeline_package
    from tfx_distill.pipeline.runners.kubeflow.compiler import server_checks

    package = pipeline_package.read(file)
    server_checks.check_upload(package)
    return package


def _with_options(
    command: Callable[..., Any], decorators: Sequence[Callable[..., Any]]
) -> Callable[..., Any]:
    for decorator in reversed(decorators):
        command = decorator(command)
    return command


def print_submission(submission: Any) -> None:
    """Prints pipeline, version and experiment to standard error."""
    print_upload(submission.upload)
    click.echo(f"Experiment  {submission.experiment}", err=True)


def print_upload(upload: Any) -> None:
    """Prints pipeline and version to standard error."""
    new = "new" if upload.is_new_version else "already uploaded"
    name = upload.package.name
    click.echo(f"Pipeline    {name}, version {upload.version} ({new})", err=True)


def print_json(**values: Any) -> None:
    """Prints a JSON object to standard output."""
    click.echo(json.dumps(values, indent=2, sort_keys=True))


def print_table(columns: list[str], rows: list[dict[str, str]]) -> None:
    """Prints rows under their columns' names."""
    lines = [{column: column.upper() for column in columns}, *rows]
    widths = {c: max(len(str(row[c])) for row in lines) for c in columns}
    for row in lines:
        click.echo("  ".join(f"{row[c]:<{widths[c]}}" for c in columns).rstrip())

"""The command `distill`: its subcommands, and how errors are shown.

The commands are in `pipeline/commands`; heavy imports are inside their bodies.
"""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
import traceback

import click
from click import shell_completion

from tfx_distill.pipeline import foreign_exits, output_streams
from tfx_distill.pipeline.commands import (
    data,
    images,
    inspection,
    kubeflow,
    monitoring,
    relocation,
    reports,
    runs,
    serving,
    teacher,
)
from tfx_distill.pipeline.short_text import clean
from tfx_distill.pipeline.version import VERSION
from tfx_distill.trainer.errors import ConfigError, DistillError, Interrupted

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_BLESSED = 3

_COMPLETION = "_DISTILL_COMPLETE"  # the variable by which a shell asks click
_STACK = (
    "tfx",
    "tensorflow",
    "keras",
    "tensorflow-model-analysis",
    "apache-beam",
    "tensorflow-datasets",
    "keras-tuner",
    "ml-metadata",
)


def entry_point() -> None:
    """Entry point of the console command: the status that `main` ends with is final.

    C++ libraries would still change it as the process ends: LLVM fails when it could
    not write to the log, because the disk is full.
    """
    status: object = EXIT_FAILED

    def end() -> None:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status if isinstance(status, int) else EXIT_FAILED)

    atexit.register(end)  # before everything else, and so the last to be called
    try:
        main()
    except SystemExit as left:
        status = left.code
        raise


def main() -> None:
    """Does what the arguments say; ends with one line and a status for each error."""
    # Imports create many objects that stay: by default they set off a tenth of the
    # start-up time in collections.
    gc.set_threshold(50_000)
    output_streams.replace_standard()
    asked = os.environ.get(_COMPLETION)
    if asked:
        sys.exit(
            shell_completion.shell_complete(cli, {}, "distill", _COMPLETION, asked)
        )
    debug = "--debug" in sys.argv
    try:
        with foreign_exits.refused():
            status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        status = _failed("Stopped.", EXIT_FAILED)
    except click.ClickException as error:
        error.message = clean(error.message)  # type: ignore[misc]
        error.show()
        status = EXIT_USAGE
    except Interrupted as error:
        status = _failed(str(error), EXIT_FAILED)
    except DistillError as error:
        if debug:
            traceback.print_exc()
        is_usage = isinstance(error, ConfigError)
        status = _failed(f"Error: {error}", EXIT_USAGE if is_usage else EXIT_FAILED)
    # Foreign code, such as a model's function, decides nothing about our status.
    except (Exception, SystemExit) as error:
        if debug:
            traceback.print_exc()
        status = _failed(
            f"Error: {type(error).__name__}: {error} (use --debug for the traceback)",
            EXIT_FAILED,
        )
    sys.exit(_after_output(status))


def _after_output(status: int | None) -> int:
    """The exit status, given what became of the output.

    Args:
        status: Of the work that a command did; None for a command that only shows
            something, which fails with its output.
    """
    lost = output_streams.lost()
    if lost is None:
        return status or 0
    if lost.errno != errno.EPIPE:  # a reader that went away has read enough
        _failed(f"The output could not be written: {lost.strerror}.", EXIT_FAILED)
    return EXIT_FAILED if status is None else status


def _failed(message: str, status: int) -> int:
    click.echo(clean(message), err=True)
    return status


def _version_text() -> str:
    import importlib.metadata
    import platform

    lines = [f"tfx-distill {VERSION}", f"python {platform.python_version()}"]
    for name in _STACK:
        try:
            lines.append(f"{name} {importlib.metadata.version(name)}")
        except importlib.metadata.PackageNotFoundError:
            lines.append(f"{name} is not installed")
    return "\n".join(lines)


def _print_version(context: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(_version_text())
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_version,
    help="Show the versions of this package and its stack.",
)
def cli() -> None:
    """Train a teacher, distill a student, test it, and ship it if it is good enough."""


for command in (
    runs.run,
    runs.tune,
    runs.show_config,
    reports.report,
    reports.compare,
    data.init,
    data.data,
    teacher.teacher,
    images.samples,
    images.predict,
    serving.rollback,
    monitoring.monitor,
    relocation.relocate,
    inspection.runs,
    inspection.explain,
    inspection.artifacts,
    inspection.show,
    inspection.lineage,
    inspection.diff,
    inspection.gc,
    kubeflow.kubeflow,
):
    cli.add_command(command)


if __name__ == "__main__":
    entry_point()

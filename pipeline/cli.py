"""The command `distill`. Everything heavy is imported inside the commands."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sys
import traceback
from collections.abc import Callable
from typing import Any, TypeVar

import click

from pipeline.config import PipelineConfig, load_config, shipped_names
from pipeline.version import VERSION
from trainer.errors import ConfigError, DistillError

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_NOT_BLESSED = 3

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

Command = TypeVar("Command", bound=Callable[..., Any])


def main() -> None:
    """Entry point of the console command: errors in one line, with an exit status."""
    debug = "--debug" in sys.argv
    # Models of one's own lie in the folder one works in; they hide nothing.
    sys.path.append(os.getcwd())
    try:
        status = cli.main(standalone_mode=False)
    except click.exceptions.Abort:
        status = _failed("Stopped.", EXIT_FAILED)
    except click.ClickException as error:
        error.show()
        status = EXIT_USAGE
    except DistillError as error:
        if debug:
            traceback.print_exc()
        is_usage = isinstance(error, ConfigError)
        status = _failed(f"Error: {error}", EXIT_USAGE if is_usage else EXIT_FAILED)
    except BrokenPipeError:
        status = EXIT_FAILED
    except Exception as error:
        if debug:
            traceback.print_exc()
        status = _failed(
            f"Error: {type(error).__name__}: {error} (--debug shows where)", EXIT_FAILED
        )
    sys.exit(status or 0)


def _failed(message: str, status: int) -> int:
    click.echo(message, err=True)
    return status


def _version_text() -> str:
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


def _configured(command: Command) -> Command:
    """Adds the options that say which configuration."""
    names = ", ".join(shipped_names())
    for option in (
        click.option("--debug", is_flag=True, help="Show where an error came from."),
        click.option(
            "--set",
            "overrides",
            multiple=True,
            metavar="KEY=VALUE",
            help="Set one key, as --set distillation.temperature=2. Repeatable.",
        ),
        click.option(
            "--config",
            "file",
            metavar="FILE",
            help=f"YAML file, or the name of a shipped one: {names}.",
        ),
    ):
        command = option(command)
    return command


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
    """Train a teacher, distill a student, test it, ship it when it is good enough."""


@cli.command()
@_configured
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
)
@click.option(
    "--no-substitute",
    is_flag=True,
    help="Fail instead of going on with `digits` when MNIST is not available.",
)
def run(
    file: str | None,
    overrides: tuple[str, ...],
    debug: bool,
    as_json: bool,
    no_substitute: bool,
) -> int:
    """Run the pipeline here.

    Exit status: 0 pushed, 3 ran but the student was not blessed, 2 wrong usage
    or configuration, 1 failed.

    \b
    Examples:
      distill run
      distill run --config article
      distill run --set distillation.temperature=2 --set student.epochs=20
    """
    if no_substitute:
        overrides = (*overrides, "data.substitute=false")
    config = load_config(file, overrides)
    from pipeline import run as run_command

    return run_command.execute(config, file, overrides, as_json=as_json)


@cli.command()
@_configured
@click.option(
    "--json", "as_json", is_flag=True, help="Print the result as one JSON object."
)
def tune(
    file: str | None, overrides: tuple[str, ...], debug: bool, as_json: bool
) -> int:
    """Search the student's hyperparameters and rank the trials.

    Runs the pipeline up to the search, which is that of the section `tuning`, or
    one with its defaults. By accuracy on the eval split, never on the test split.
    An interrupted search goes on with the same command.

    \b
    Examples:
      distill tune --config tuned
      distill tune --set tuning.max_trials=10 --set tuning.max_parameters=5000
    """
    config = load_config(file, overrides)
    if config.tuning is None:
        overrides = (*overrides, "tuning={}")
        config = load_config(file, overrides)
    from pipeline import tune as tune_command

    return tune_command.execute(config, file, overrides, as_json=as_json)


@cli.command(name="config")
@_configured
def show_config(file: str | None, overrides: tuple[str, ...], debug: bool) -> None:
    """Print the resolved configuration as YAML.

    \b
    Example: distill config --config smoke --set student.epochs=3
    """
    click.echo(load_config(file, overrides).to_yaml(), nl=False)


def _indices(
    _: click.Context, __: click.Parameter, value: str | None
) -> tuple[int, ...] | None:
    if value is None:
        return None
    try:
        indices = tuple(int(part) for part in value.split(","))
    except ValueError:
        raise click.BadParameter(
            f"received {value!r}, expected numbers such as 0,1,2"
        ) from None
    if min(indices) < 0:
        raise click.BadParameter(f"received {value!r}, expected numbers from 0")
    return indices


_split_option = click.option(
    "--split",
    type=click.Choice(["train", "eval", "test"]),
    default="test",
    show_default=True,
    help="Split of the data set.",
)
_index_option = click.option(
    "--index",
    "indices",
    callback=_indices,
    metavar="N,N,...",
    help="Records of the split, counted from 0.",
)


def _local_data(
    file: str | None, overrides: tuple[str, ...], terminal: Any
) -> PipelineConfig:
    """The configuration with data that is really there, announced if another's."""
    from pipeline import display, substitution

    config, notice = substitution.available(
        load_config(file, overrides), file, overrides
    )
    if notice:
        terminal.err.print(display.notice(notice))
    return config


@cli.command()
@_configured
@_split_option
@_index_option
@click.option(
    "--count",
    default=9,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of samples, chosen by --seed.",
)
@click.option("--seed", default=0, show_default=True, help="Which samples are chosen.")
@click.option(
    "--png", type=click.Path(dir_okay=False), help="Also write the grid here."
)
def samples(
    file: str | None,
    overrides: tuple[str, ...],
    debug: bool,
    split: str,
    indices: tuple[int, ...] | None,
    count: int,
    seed: int,
    png: str | None,
) -> None:
    """Show images of a split with their labels.

    \b
    Example: distill samples --split train --count 16 --png samples.png
    """
    load_config(file, overrides)
    from pipeline import console

    with console.quiet(None) as terminal:
        from pipeline import samples as samples_command

        config = _local_data(file, overrides, terminal)
        samples_command.show(
            config,
            split=split,
            count=count,
            seed=seed,
            indices=indices,
            png=png,
            console=terminal.out,
            notices=terminal.err,
        )


@cli.command()
@_configured
@click.argument("files", nargs=-1, type=click.Path())
@_split_option
@_index_option
@click.option(
    "--png", type=click.Path(dir_okay=False), help="Also write a picture here."
)
@click.option(
    "--student",
    "student_dir",
    type=click.Path(),
    help="SavedModel; default: the newest.",
)
@click.option(
    "--teacher",
    "teacher_dir",
    type=click.Path(),
    help="SavedModel; default: its teacher.",
)
@click.option("--resize", is_flag=True, help="Fit image files to the model's size.")
@click.option("--json", "as_json", is_flag=True, help="Print the answers as JSON.")
def predict(
    file: str | None,
    overrides: tuple[str, ...],
    debug: bool,
    files: tuple[str, ...],
    split: str,
    indices: tuple[int, ...] | None,
    png: str | None,
    student_dir: str | None,
    teacher_dir: str | None,
    resize: bool,
    as_json: bool,
) -> None:
    """Ask teacher and student about image FILES, or records of a split.

    \b
    Examples:
      distill predict --index 0,1,2,3,4 --png answers.png
      distill predict three.png seven.png
    """
    if files and indices is not None:
        raise click.UsageError("Give image files or --index, not both.")
    config = load_config(file, overrides)
    from pipeline import console

    with console.quiet(None) as terminal:
        from pipeline import predict as predict_command

        if not files:
            config = _local_data(file, overrides, terminal)
        predict_command.answer(
            config,
            files=files,
            split=split,
            indices=indices if indices is not None else (0, 1, 2, 3, 4),
            teacher_dir=teacher_dir,
            student_dir=student_dir,
            png=png,
            resize=resize,
            console=terminal.out,
            notices=terminal.err,
            as_json=as_json,
        )


if __name__ == "__main__":
    main()

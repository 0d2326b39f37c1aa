"""Commands that write one or several runs as a page."""

from __future__ import annotations

import click

from tfx_distill.pipeline.commands import completion, options
from tfx_distill.pipeline.config.loader import load_config


@click.command()
@click.argument("run", required=False, shell_complete=completion.runs)
@options.configured
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="File to write; default: report.html in the run's folder.",
)
def report(
    run: str | None,
    file: str | None,
    overrides: tuple[str, ...],
    output: str | None,
) -> int:
    """Write everything about RUN, or the newest run, to one HTML file.

    The file is self-contained and makes no network requests. Every run writes it at
    its end.

    \b
    Examples:
      distill report
      distill report 20261124-2230 --output report.html
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.report import writer

    click.echo(writer.write_run(config, run, output))
    return 0


@click.command()
@click.argument("runs", nargs=-1, required=True, shell_complete=completion.runs)
@options.configured
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    default="comparison.html",
    show_default=True,
    help="File to write.",
)
def compare(
    runs: tuple[str, ...],
    file: str | None,
    overrides: tuple[str, ...],
    output: str,
) -> int:
    """Write two or more RUNS side by side to one HTML file.

    Shows differences in configuration, accuracies with intervals, students paired on
    the same images, sizes, latency and learning curves. A unique prefix of a run's
    name is enough.

    \b
    Example: distill compare 20261124-2117 20261124-2122
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.report import writer

    click.echo(writer.write_comparison(config, runs, output))
    return 0

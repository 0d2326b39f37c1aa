"""Commands that write a run, or several, as a page."""

from __future__ import annotations

import click

from tfx_distill.pipeline.commands import options
from tfx_distill.pipeline.config.loader import load_config


@click.command()
@click.argument("run", required=False)
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
) -> None:
    """Write all about RUN, or the newest run, as one HTML file.

    The file needs nothing else and asks nobody for anything. Every run writes it at
    its end.

    \b
    Examples:
      distill report
      distill report 20261124-2230 --output report.html
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.report import writer

    click.echo(writer.write_run(config, run, output))


@click.command()
@click.argument("runs", nargs=-1, required=True)
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
) -> None:
    """Write two or more RUNS side by side as one HTML file.

    What was configured differently, accuracies with intervals, students in pairs on
    the same images, sizes, latency and learning curves. A run may be given by the
    beginning of its name.

    \b
    Example: distill compare 20261124-2117 20261124-2122
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline.report import writer

    click.echo(writer.write_comparison(config, runs, output))

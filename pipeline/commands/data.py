"""Commands that look at the data set."""

from __future__ import annotations

import json
import os
import shlex

import click

from tfx_distill.pipeline.commands import local_data, options
from tfx_distill.pipeline.config.loader import load_config


@click.group()
def data() -> None:
    """Look at the data set."""


@data.command()
@options.configured
@options.json_option("Print the report as one JSON object.")
def check(file: str | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Read every image, and say what a run would find.

    Shows images by class and split, sizes, conversions, unreadable files, duplicates,
    images in two splits and contradictory labels. Exit status: 0 usable, 1 a run would
    refuse the data set.

    \b
    Examples:
      distill data check --set data.images=photos
      distill data check --config smoke --json
    """
    load_config(file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.inspection import data_checks

        with local_data.reading(file, overrides, terminal) as config:
            found = data_checks.check(config)
        if as_json:
            terminal.out.print_json(found.to_json(), indent=2)
        else:
            terminal.out.print(data_checks.table(found))
        return 1 if found.refusals else 0


@click.command()
@options.debug_option
@click.argument("images", type=click.Path(exists=True))
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="File to write; default: the folder's name with .yaml, in the current folder.",
)
def init(images: str, output: str | None) -> int:
    """Write a configuration to start from, for a folder of IMAGES.

    Reads every image, and writes only what should differ from the default: models and
    training for their size and number.
    IMAGES may also be a CSV or JSON-lines file. Exit status: 1 if a run would refuse
    the data set.

    \b
    Example: distill init photos
    """
    config = load_config(None, [f"data.images={json.dumps(images)}"])
    output = output or f"{config.data.name}.yaml"
    if os.path.lexists(output):
        raise click.UsageError(f"{output} exists. Give another file with --output.")
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.inspection import data_checks, starting_configuration

        found = data_checks.check(config)
        terminal.err.print(data_checks.table(found))
        chosen = starting_configuration.settings(found, images)
        command = shlex.join(["distill", "init", images])
        text = starting_configuration.text(found, chosen, command, shlex.quote(output))
    with open(output, "x", encoding="utf-8") as file:
        file.write(text)
    load_config(output)
    click.echo(output)
    return 1 if found.refusals else 0


@data.command()
@options.configured
@click.option(
    "--output",
    metavar="FILE",
    help="A .csv or .parquet file to write; without it, CSV goes to the terminal.",
)
def keys(file: str | None, overrides: tuple[str, ...], output: str | None) -> None:
    """List the key of every image, to answer them in another framework.

    The columns are `key`, `split`, `label`, `class`, `height` and `width`, the last two
    before the image was fitted. A file that answers each key is
    a teacher: set teacher.answers.

    \b
    Examples:
      distill data keys --set data.images=photos --output keys.csv
      distill data keys --config smoke
    """
    if output is not None and not output.lower().endswith((".csv", ".parquet")):
        raise click.BadParameter(f"{output} must end in .csv or .parquet.")
    load_config(file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.components.example_gen import sources
        from tfx_distill.trainer.data import data_check, image_keys

        with local_data.reading(file, overrides, terminal) as config:
            found = data_check.keys(sources.open_source(config.data), config.data)
        if output is None:
            terminal.out.out(image_keys.as_csv(found), end="", highlight=False)
        else:
            image_keys.save(found, output)

"""The command that compares production with what a served model was tested on."""

from __future__ import annotations

import json
from typing import Any

import click

from tfx_distill.pipeline.commands import options, store_options
from tfx_distill.pipeline.config.loader import load_config

_TRIPPED = 3


@click.command()
@store_options.chooses_store
@click.option(
    "--images",
    "paths",
    type=click.Path(),
    multiple=True,
    required=True,
    metavar="FOLDER|FILE",
    help="Folder of images, image, or TFRecord file of examples. Repeatable.",
)
@click.option(
    "--version",
    type=click.IntRange(min=1),
    help="Pushed version that gets these images; default: the newest.",
)
@click.option(
    "--teacher/--no-teacher",
    default=True,
    show_default=True,
    help="Let the teacher predict the images, too, if its files are there.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed of the sample.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False),
    help="Also write the result as a page to this HTML file.",
)
@options.json_option("Print the result as one JSON object.")
def monitor(
    file: str | None,
    overrides: tuple[str, ...],
    place: str | None,
    namespace: str | None,
    endpoint: str | None,
    output: str | None,
    as_json: bool,
    **choices: Any,
) -> int:
    """Compare images that arrive in production with a served model's test images.

    Compares pixel statistics, the student's confidence and predicted classes, its
    disagreement with the teacher and, where folders or records have labels, accuracy
    and calibration. The section `monitor` says from which difference a check trips.

    Exit status: 0 no drift, 3 a check tripped, 1 not compared, 2 wrong usage.

    \b
    Examples:
      distill monitor --images incoming
      distill monitor --images requests.tfrecord.gz --output drift.html
    """
    config = load_config(file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.monitoring import monitor as monitor_module

        request = monitor_module.Request(**choices)
        store = store_options.open_store(config, place, namespace, endpoint)
        found = monitor_module.run(config, store, request)
        if output is not None:
            from tfx_distill.pipeline.report import writer

            page = writer.write_monitored(found, output)
            terminal.err.print(
                f"Page {page}", soft_wrap=True, markup=False, highlight=False
            )
        if as_json:
            terminal.out.out(json.dumps(found.as_dict(), indent=2), highlight=False)
        else:
            terminal.out.print(monitor_module.table(found), highlight=False)
    return _TRIPPED if found.tripped else 0

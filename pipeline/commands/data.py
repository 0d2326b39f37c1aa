"""Commands that look at the data set."""

from __future__ import annotations

import click

from tfx_distill.pipeline.commands import options
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
        from tfx_distill.pipeline.runners.local import dataset_fallback, display

        with display.RunDisplay(terminal.err) as watcher:
            config = load_config(file, overrides)
            watcher.doing(f"Reading {config.data.name}")
            config, notice = dataset_fallback.available(config, file, overrides)
            if notice:
                terminal.err.print(display.notice(notice))
            found = data_checks.check(config.data)
        if as_json:
            terminal.out.print_json(found.to_json(), indent=2)
        else:
            terminal.out.print(data_checks.table(found))
        return 1 if found.refusals else 0

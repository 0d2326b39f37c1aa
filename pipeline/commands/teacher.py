"""Commands that look at a teacher that exists already."""

from __future__ import annotations

import click

from tfx_distill.pipeline.commands import local_data, options
from tfx_distill.pipeline.config.loader import load_config


@click.group()
def teacher() -> None:
    """Look at a teacher that exists already."""


@teacher.command()
@options.configured
@options.json_option("Print the measurements as one JSON object.")
def check(file: str | None, overrides: tuple[str, ...], as_json: bool) -> int:
    """Measure a teacher, and say what is likely wrong with its settings.

    Reads up to 3,000 images of eval, and trains nothing. Shows the teacher's accuracy
    as it is declared, and with one setting changed at a time: pixel range, order of the
    channels, resizing, and order of the classes. Exit status: 0 fine, 1 a run would
    refuse the teacher or a mistake is likely.

    \b
    Examples:
      distill teacher check --config photos --set data.images=photos \\
          --set teacher.from=teacher.keras
      distill teacher check --config my.yaml --json
    """
    load_config(file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.inspection import teacher_checks

        with local_data.reading(file, overrides, terminal) as config:
            found = teacher_checks.check(config)
        if as_json:
            terminal.out.print_json(teacher_checks.to_json(found), indent=2)
        else:
            terminal.out.print(teacher_checks.table(found))
        return 1 if teacher_checks.refused(found) else 0

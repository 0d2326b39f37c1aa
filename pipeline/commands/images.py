"""Commands that show images and the models' predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from tfx_distill.pipeline.commands import local_data, options
from tfx_distill.pipeline.config.loader import load_config

if TYPE_CHECKING:  # loads pydantic, which help texts do not need
    pass


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
    help="Indices of records in the split, from 0.",
)


@click.command()
@options.configured
@_split_option
@_index_option
@click.option(
    "--count",
    default=9,
    show_default=True,
    type=click.IntRange(1, 64),
    help="Number of random samples.",
)
@click.option("--seed", default=0, show_default=True, help="Random seed.")
@click.option(
    "--png",
    type=click.Path(dir_okay=False),
    help="Also write the grid to this PNG file.",
)
def samples(
    file: str | None, overrides: tuple[str, ...], png: str | None, **selection: Any
) -> None:
    """Show images of a split with their labels.

    \b
    Example: distill samples --split train --count 16 --png samples.png
    """
    load_config(file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.prediction import samples as samples_command

        config = local_data.available(file, overrides, terminal)
        chosen = samples_command.Selection(**selection)
        samples_command.show(config, chosen, png, terminal.out, terminal.err)


@click.command()
@options.configured
@click.argument("files", nargs=-1, type=click.Path())
@_split_option
@_index_option
@click.option(
    "--png",
    type=click.Path(dir_okay=False),
    help="Also draw the predictions in this PNG file.",
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
@click.option(
    "--resize",
    is_flag=True,
    help="Fit files of another size even if the model was trained with data.strict.",
)
@options.json_option("Print the predictions as JSON.")
def predict(
    file: str | None,
    overrides: tuple[str, ...],
    files: tuple[str, ...],
    **choices: Any,
) -> None:
    """Classify image FILES, or images of a split, with teacher and student.

    \b
    Examples:
      distill predict --index 0,1,2,3,4 --png predictions.png
      distill predict three.png seven.png
    """
    if files and choices["indices"] is not None:
        raise click.UsageError("Give image files or --index, not both.")
    config = load_config(file, overrides)
    if choices["student_dir"] is None or choices["teacher_dir"] is None:
        local_data.require_tested(config, file, overrides)
    from tfx_distill.pipeline import log_capture

    with log_capture.captured(None) as terminal:
        from tfx_distill.pipeline.prediction import predict as predict_command

        if not files:
            config = local_data.available(file, overrides, terminal)
        request = predict_command.Request(files=files, **choices)
        predict_command.show(config, request, terminal.out, terminal.err)

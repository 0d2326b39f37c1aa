"""Grids of images as PNG files, with labels or with both models' predictions."""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Sequence
from typing import Any

import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from matplotlib.patches import Patch

from tfx_distill.pipeline.prediction import png_files
from tfx_distill.pipeline.prediction.image_predictions import (
    TOP,
    ImagePredictions,
    percent,
)
from tfx_distill.pipeline.short_text import columns as columns_of
from tfx_distill.pipeline.short_text import shortened
from tfx_distill.trainer.errors import DistillError

MAX_IMAGES = 64

# Of Okabe and Ito's palette, which colour-blind people can tell apart. The
# student's bars are also hatched, so that a grey print shows the difference.
_LOOKS: dict[str, dict[str, Any]] = {
    "teacher": {"facecolor": "#0072b2"},
    "student": {
        "facecolor": "#e69f00",
        "edgecolor": "#7a5400",  # of the hatching, too
        "hatch": "/////",
        "linewidth": 0.5,
    },
}
_PLACES = {"teacher": -0.2, "student": 0.2}  # of their bars, off a class's name
_WRONG_COLOUR = "#c1440e"
_FRAME_COLOUR = "#999999"
# Whatever a user's matplotlibrc says; a name may hold dollar signs.
_STYLE: list[Any] = ["default", {"text.parse_math": False}]

# All lengths are in inches.
_SIDE = 1.5  # of an image
_GAP = 0.15
_CAPTION = 0.3
_HEAD = 0.9  # three lines above an image, and a gap above them
_BARS = 2.3
_PERCENT = 0.65
_NAME_LETTER = 0.075
_MAX_COLUMNS = 4
_TITLE_LETTERS = 34  # fit above the narrowest picture
_LINE_POINTS = 13.5


def check(count: int, path: str | os.PathLike[str]) -> None:
    """Checks, before any work, that a picture of so many images can be written.

    Raises:
        DistillError: If there are too many, or no file can be written there.
    """
    png_files.check_path(path)
    if not 1 <= count <= MAX_IMAGES:
        raise DistillError(
            f"A picture of {count} images was requested; it holds 1 to {MAX_IMAGES}. "
            "Request fewer, or leave --png out."
        )


def samples_grid(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    class_names: Sequence[str],
    title: str,
    path: str | os.PathLike[str],
) -> None:
    """Draws images in a nearly square grid, each with its label.

    Args:
        images: uint8 `(count, height, width, channels)` in 0–255; count is 1 to
            `MAX_IMAGES`, channels is 1 or 3.
        labels: int `(count,)`, class indices.
        class_names: One for each class, in label order.
        title: Names data set and split.
        path: PNG file to write or replace.

    Raises:
        DistillError: If there are too many images, or the file cannot be written.
    """
    check(len(images), path)
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    with matplotlib.style.context(_STYLE):
        figure = Figure((columns * (_SIDE + _GAP), rows * (_SIDE + _CAPTION)))
        grid = GridSpec(
            rows, columns, figure, 0, 0, 1, 1,
            wspace=_GAP / _SIDE, hspace=_CAPTION / _SIDE,
        )  # fmt: skip
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            axes = figure.add_subplot(grid[divmod(index, columns)])
            _show(axes, image)
            name = shortened(class_names[label], 20)
            # As wide as its image at most.
            axes.set_title(name, size=min(12, 160 / max(1, columns_of(name))), pad=4)
        _add_title(figure, title, columns, above=_CAPTION)
        png_files.write(figure, path)


def predictions_grid(
    predictions: Sequence[ImagePredictions], title: str, path: str | os.PathLike[str]
) -> None:
    """Draws images with both models' predictions and likeliest classes.

    Wrong predictions and disagreements are named in words, and give the image a thick
    dashed frame.

    Args:
        predictions: Of 1 to `MAX_IMAGES` images.
        title: Names data set and split.
        path: PNG file to write or replace.

    Raises:
        DistillError: If there are too many images, or the file cannot be written.
    """
    check(len(predictions), path)
    # A cell is twice as wide as high, which gives a nearly square picture.
    columns = min(_MAX_COLUMNS, math.ceil(math.sqrt(len(predictions) / 2)))
    rows = math.ceil(len(predictions) / columns)
    longest = max(columns_of(name) for one in predictions for _, name in _top(one))
    widths = (_SIDE, 0.3 + _NAME_LETTER * longest, _BARS, _PERCENT)
    with matplotlib.style.context(_STYLE):
        figure = Figure((columns * sum(widths), rows * (_SIDE + _HEAD) - _HEAD))
        grid = GridSpec(
            rows, len(widths) * columns, figure, 0, 0, 1, 1, wspace=0,
            hspace=_HEAD / _SIDE, width_ratios=widths * columns,
        )  # fmt: skip
        for index, one in enumerate(predictions):
            row, column = divmod(index, columns)
            left = len(widths) * column
            _draw_image(figure.add_subplot(grid[row, left]), one)
            _draw_bars(figure.add_subplot(grid[row, left + 2]), one)
        _add_legend(figure, [role for role, *_ in predictions[0].models])
        _add_title(figure, title, 3 * columns, above=1.1)
        png_files.write(figure, path)


def _add_legend(figure: Figure, roles: Sequence[str]) -> None:
    figure.legend(
        handles=[Patch(label=role, **_LOOKS[role]) for role in roles],
        loc="lower center", ncols=2, frameon=False,
        bbox_to_anchor=(0.5, 1 + 0.7 / figure.get_figheight()),
    )  # fmt: skip


def _add_title(figure: Figure, title: str, columns: int, above: float) -> None:
    """Writes the title, `above` inches over the axes."""
    letters = max(_TITLE_LETTERS, round(columns * _SIDE * 10))
    figure.suptitle(
        textwrap.fill(title, letters), size=13, weight="bold", va="bottom",
        y=1 + (above + 0.1) / figure.get_figheight(),
    )  # fmt: skip


def _show(axes: Axes, image: np.ndarray) -> None:
    # As RGB even if grey: a colour map would stretch the contrast, and round.
    axes.imshow(np.broadcast_to(image, (*image.shape[:2], 3)))
    axes.set(xticks=[], yticks=[], anchor="NW")
    axes.spines[:].set_color(_FRAME_COLOUR)


def _draw_image(axes: Axes, one: ImagePredictions) -> None:
    """Draws an image, and above it three lines: its name and both predictions."""
    _show(axes, one.image)
    head = [shortened(one.name, 40)] if one.name else []
    if one.label is not None:
        head.append(f"label {shortened(one.class_names[one.label], 20)}")
    _write_line(axes, 2, "   ".join(head), weight="bold")
    classes = [class_ for *_, class_ in one.models]
    lines = range(len(classes) - 1, -1, -1)
    for line, (role, _, class_) in zip(lines, one.models, strict=True):
        is_correct = one.is_correct(class_)
        mark = {None: "", True: "  ✓ correct", False: "  ✗ WRONG"}[is_correct]
        name = shortened(one.class_names[class_], 36)
        is_wrong = is_correct is False
        look: dict[str, Any] = (
            {"color": _WRONG_COLOUR, "weight": "bold"} if is_wrong else {}
        )
        _write_line(axes, line, f"{role}  {name}{mark}", **look)
    if not one.agree or any(one.is_correct(c) is False for c in classes):
        axes.spines[:].set(color=_WRONG_COLOUR, linewidth=3, linestyle=(0, (3, 1.5)))


def _write_line(axes: Axes, line: int, text: str, x: float = 0, **look: Any) -> None:
    """Writes one of the lines above an image, counted from 0 at the bottom."""
    axes.annotate(
        text, (x, 1), (0, 6 + line * _LINE_POINTS), "axes fraction", "offset points",
        size=9.5, **look,
    )  # fmt: skip


def _draw_bars(axes: Axes, one: ImagePredictions) -> None:
    """Draws a pair of bars for each of the likeliest classes, teacher's above."""
    top = _top(one)
    axes.set(xlim=(0, 1), ylim=(TOP - 0.5, -0.5), xticks=[])
    axes.set_yticks(range(len(top)), [name for _, name in top], size=8.5)
    axes.tick_params("y", length=0)
    axes.spines[:].set_visible(False)
    axes.axvline(0, color=_FRAME_COLOUR, linewidth=1)
    for place, (class_, _) in enumerate(top):
        for role, probs, _ in one.models:
            y, share = place + _PLACES[role], float(probs[class_])
            axes.barh(y, share, height=0.36, **_LOOKS[role])
            axes.text(share + 0.03, y, percent(share), va="center", size=6.5)
    if not one.agree:
        look = {"weight": "bold", "color": _WRONG_COLOUR, "ha": "right"}
        _write_line(axes, 1, "≠ they disagree", x=1, **look)


def _top(one: ImagePredictions) -> list[tuple[int, str]]:
    """The likeliest classes with their names."""
    return [(c, shortened(one.class_names[c], 24)) for c in one.top(TOP)]

"""Images and predictions as text: rich renderables that fit the terminal.

In colour, an image consists of half blocks, two pixels in a character; without
colours, of shades; on a terminal without UTF-8, of ASCII letters. Every mark is also
readable without its colour.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Sequence

import numpy as np
from PIL import Image
from rich.bar import Bar
from rich.color import Color
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.measure import Measurement
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from tfx_distill.pipeline import short_text
from tfx_distill.pipeline.prediction.image_predictions import (
    TOP,
    ImagePredictions,
    percent,
)
from tfx_distill.pipeline.short_text import shortened

_MAX_WIDTH = 160
_GAP = 2
_PICTURE_SHARE = 0.4  # of the width, beside bars
_PICTURE_WIDTHS = (28, 48)  # at least and at most: a line shows two rows of pixels
_MIN_WIDTH_BESIDE = 64  # on a narrower terminal, bars stand below their image
_CELL_WIDTHS = (14, 24)  # at least, of an image among samples: half of its pixels
_PERCENT_WIDTH = 6
_SHADES = " ░▒▓█"
_ASCII_SHADES = " .:-=+*#%@"
# Of Okabe and Ito's palette, which colour-blind people can tell apart; these
# stand out on black and on white.
_STYLES = {"teacher": "#0a84d0", "student": "#e69f00"}
_CORRECT_STYLE = "bold #009e73"
_WRONG_STYLE = "bold #d55e00"


class Picture:
    """One image, in a square of `width` columns and half as many lines.

    Args:
        image: uint8 `(height, width, channels)` in 0–255; channels is 1 or 3.
        width: Columns that it may take.
    """

    def __init__(self, image: np.ndarray, width: int) -> None:
        self._image = image
        self._width = width

    def __rich_measure__(
        self, console: Console, options: ConsoleOptions
    ) -> Measurement:
        columns = _fitted(self._image, min(self._width, options.max_width)).shape[1]
        return Measurement(columns, columns)

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        pixels = _fitted(self._image, min(self._width, options.max_width))
        if console.color_system is None or console.no_color or options.ascii_only:
            shades = _ASCII_SHADES if options.ascii_only else _SHADES
            lines = _shade_lines(pixels, shades)
        else:
            lines = _half_block_lines(pixels)
        for line in lines:
            yield from line
            yield Segment.line()


def _fitted(image: np.ndarray, side: int) -> np.ndarray:
    """Scales an image into a square, by a whole factor if it has to grow.

    Returns:
        uint8 `(height, width, 3)` in 0–255, with neither above `side`.
    """
    height, width = image.shape[:2]
    factor = side / max(height, width)
    factor = math.floor(factor) if factor >= 1 else factor
    size = max(1, round(width * factor)), max(1, round(height * factor))
    resample = Image.Resampling.NEAREST if factor >= 1 else Image.Resampling.BOX
    grey = image.shape[2] == 1
    picture = Image.fromarray(image[:, :, 0] if grey else image).convert("RGB")
    return np.asarray(picture.resize(size, resample))


def _half_block_lines(pixels: np.ndarray) -> Iterator[list[Segment]]:
    for top in range(0, len(pixels), 2):
        line = []
        for column, upper in enumerate(pixels[top]):
            lower = pixels[top + 1][column] if top + 1 < len(pixels) else None
            line.append(Segment("▀", _cell_style(tuple(upper), _as_tuple(lower))))
        yield list(Segment.simplify(line))


def _as_tuple(pixel: np.ndarray | None) -> tuple[int, ...] | None:
    return None if pixel is None else tuple(pixel)


@functools.lru_cache(maxsize=4096)
def _cell_style(upper: tuple[int, ...], lower: tuple[int, ...] | None) -> Style:
    background = None if lower is None else Color.from_rgb(*lower)
    return Style(color=Color.from_rgb(*upper), bgcolor=background)


def _shade_lines(pixels: np.ndarray, shades: str) -> Iterator[list[Segment]]:
    grey = np.asarray(Image.fromarray(pixels).convert("L"), np.float64)
    grey = np.pad(grey, ((0, len(grey) % 2), (0, 0)), mode="edge")
    grey = (grey[0::2] + grey[1::2]) / 2
    steps = np.minimum(grey / 256 * len(shades), len(shades) - 1).astype(int)
    for row in steps:
        yield [Segment("".join(shades[step] for step in row))]


class SamplesView:
    """Images in a nearly square grid, as wide as the terminal, labels below.

    Args:
        images: uint8 `(count, height, width, channels)` in 0–255.
        labels: int `(count,)`, class indices.
        class_names: One for each class, in label order.
    """

    def __init__(
        self, images: np.ndarray, labels: np.ndarray, class_names: Sequence[str]
    ) -> None:
        self._images = images
        self._names = [class_names[label] for label in labels]

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        total = min(options.max_width, _MAX_WIDTH) + _GAP
        side = max(self._images.shape[1:3])
        most = total // (_between(side // 2, _CELL_WIDTHS) + _GAP)
        columns = max(1, min(math.ceil(math.sqrt(len(self._images))), most))
        width = min(_PICTURE_WIDTHS[1], total // columns - _GAP)
        grid = Table.grid(padding=(0, _GAP, 0, 0))
        for _ in range(columns):
            grid.add_column(justify="center", width=width)
        cells = [
            Group(Picture(image, width), *_name_lines(name, width), "")
            for image, name in zip(self._images, self._names, strict=True)
        ]
        for first in range(0, len(cells), columns):
            grid.add_row(*cells[first : first + columns])
        yield grid


def _name_lines(name: str, width: int) -> list[RenderableType]:
    """A name in bold, in at most two lines."""
    lines = short_text.wrapped(shortened(name, 2 * width), width)[:2]
    return [_Line(line, "bold", justify="center") for line in lines]


def _between(value: int, ends: tuple[int, int]) -> int:
    return max(ends[0], min(value, ends[1]))


class PredictionsView:
    """One image beside the likeliest classes, with a bar for each model."""

    def __init__(self, predictions: ImagePredictions) -> None:
        self._one = predictions

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        width = min(options.max_width, _MAX_WIDTH)
        yield _Line(_heading(self._one, width), "bold")
        beside = width >= _MIN_WIDTH_BESIDE
        left = _between(int(_PICTURE_SHARE * width), _PICTURE_WIDTHS)
        left = max(_fitted(self._one.image, left).shape[1], _PICTURE_WIDTHS[0])
        right = width - left - _GAP if beside else width
        text = Group(_bars(self._one, right), "", *_verdict(self._one, right))
        picture = Picture(self._one.image, left)
        if beside:
            grid = Table.grid(padding=(0, _GAP, 0, 0))
            grid.add_column(width=left)
            grid.add_column(width=right)
            grid.add_row(picture, text)
            yield grid
        else:
            yield picture
            yield text
        yield ""


def _heading(one: ImagePredictions, width: int) -> str:
    if one.label is None:
        return shortened(one.name, width)
    label = f"label {shortened(one.class_names[one.label], width // 3)}"
    name = shortened(one.name, width - short_text.columns(label) - _GAP)
    return f"{name}{' ' * _GAP}{label}"


def _bars(one: ImagePredictions, width: int) -> Table:
    classes = one.top(TOP)
    names = [one.class_names[class_] for class_ in classes]
    longest = max(map(short_text.columns, ["class", *names]))
    name_width = min(longest, width // 3)
    number = len(one.models)
    bars_width = width - name_width - number * (_PERCENT_WIDTH + 2)
    bar_width = max(2, bars_width // number)
    table = Table.grid(padding=(0, 1, 0, 0))
    for column_width in (name_width, *(bar_width, _PERCENT_WIDTH) * number):
        table.add_column(width=column_width, no_wrap=True)
    heads = [head for role, *_ in one.models for head in (role, "")]
    table.add_row(*(Text(head, "dim") for head in ("class", *heads)))
    for class_ in classes:
        row: list[RenderableType] = [
            _Line(shortened(one.class_names[class_], name_width))
        ]
        for role, probs, best in one.models:
            row.append(_Bar(float(probs[class_]), bar_width, _STYLES[role]))
            emphasis = "bold" if class_ == best else ""
            text = percent(float(probs[class_]))
            row.append(Text(text, emphasis, justify="right"))
        table.add_row(*row)
    return table


def _verdict(one: ImagePredictions, width: int) -> list[RenderableType]:
    """All predictions in words; `correct` and `WRONG` if the label is known."""
    lines: list[RenderableType] = []
    for role, _, class_ in one.models:
        name = shortened(one.class_names[class_], width - 18)
        is_correct = one.is_correct(class_)
        mark, style = {
            None: ("", ""),
            True: ("  ✓ correct", _CORRECT_STYLE),
            False: ("  ✗ WRONG", _WRONG_STYLE),
        }[is_correct]
        lines.append(_Line(f"{role}  {name}", "", mark, style))
    if not one.agree:
        lines.append(_Line("", "", "≠ they disagree", _WRONG_STYLE))
    return lines


class _Bar:
    """A horizontal bar for a share in [0, 1]."""

    def __init__(self, share: float, width: int, style: str) -> None:
        self._share, self._width, self._style = share, width, style

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        width = min(self._width, options.max_width)
        if options.ascii_only:
            yield Text("#" * round(self._share * width), self._style)
        else:
            yield Bar(1, 0, self._share, width=width, color=self._style)


class _Line:
    """A line of text, without its marks on an ASCII terminal."""

    def __init__(
        self, text: str, style: str = "", mark: str = "", mark_style: str = "",
        justify: str = "left",
    ) -> None:  # fmt: skip
        self._parts = ((text, style), (mark, mark_style))
        self._justify = justify

    def __rich_console__(
        self, console: Console, options: ConsoleOptions
    ) -> RenderResult:
        line = Text(justify=self._justify, no_wrap=True)  # type: ignore[arg-type]
        for text, style in self._parts:
            if options.ascii_only:
                text = text.replace("✓ ", "").replace("✗ ", "").replace("≠ ", "")
                text = text.encode("ascii", "replace").decode()
            line.append(text, style)
        yield line

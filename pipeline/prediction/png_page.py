"""One page of a picture: places in inches, and a PNG file written whole."""

from __future__ import annotations

import io
import os
import pathlib
import textwrap
import warnings
from collections.abc import Sequence
from typing import Any

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tfx_distill.trainer.errors import DistillError

_DPI = 120
# All lengths are in inches.
_MARGIN = 0.2
_MIN_WIDTH = 4.0  # so that a title has room above a single image
_TITLE_LINE = 0.24
_TITLE_LETTER = 0.105
_LEGEND_HEIGHT = 0.3


class Page:
    """A figure whose places are in inches from the top left, below the title."""

    def __init__(
        self, width: float, height: float, title: str, legend: Sequence[Patch] = ()
    ) -> None:
        self._width = max(width, _MIN_WIDTH) + 2 * _MARGIN
        lines = textwrap.wrap(title, int((self._width - 2 * _MARGIN) / _TITLE_LETTER))
        title_height = (
            _TITLE_LINE * len(lines) + (_LEGEND_HEIGHT if legend else 0) + 0.1
        )
        self._height = height + title_height + 2 * _MARGIN
        self._left = (self._width - width) / 2
        self._top = title_height + _MARGIN
        self._figure = Figure(figsize=(self._width, self._height), dpi=_DPI)
        FigureCanvasAgg(self._figure)
        self._figure.text(
            0.5, 1 - _MARGIN / self._height, "\n".join(lines),
            ha="center", va="top", size=13, weight="bold", parse_math=False,
        )  # fmt: skip
        if legend:
            below_title = _MARGIN + _TITLE_LINE * len(lines)
            self._figure.legend(
                handles=legend, loc="upper center", ncols=len(legend), frameon=False,
                bbox_to_anchor=(0.5, 1 - below_title / self._height), fontsize=10,
            )  # fmt: skip

    def axes(self, left: float, top: float, width: float, height: float) -> Axes:
        bottom = self._height - self._top - top - height
        return self._figure.add_axes(
            (
                (self._left + left) / self._width,
                bottom / self._height,
                width / self._width,
                height / self._height,
            )
        )

    def text(self, left: float, top: float, text: str, **style: Any) -> None:
        self._figure.text(
            (self._left + left) / self._width,
            1 - (self._top + top) / self._height,
            text,
            parse_math=False,  # a name may hold dollar signs
            **style,
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes the file whole or not at all."""
        buffer = io.BytesIO()
        with warnings.catch_warnings():
            # A script that the font lacks shows as boxes; the rest is readable.
            warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
            self._figure.savefig(buffer, format="png")
        file = pathlib.Path(path)
        temporary = file.with_name(f".{file.name}.{os.getpid()}.tmp")
        try:
            temporary.write_bytes(buffer.getvalue())
            os.replace(temporary, file)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise _not_written(file, str(error.strerror)) from error


def check_path(path: str | os.PathLike[str]) -> None:
    """Checks, before any work, that a picture could be written there.

    Raises:
        DistillError: If the name or the folder does not allow it.
    """
    file = pathlib.Path(path)
    if file.suffix.lower() != ".png":
        raise DistillError(f"--png {file}: the file's name must end in .png.")
    if not file.parent.is_dir():
        raise _not_written(file, f"there is no folder {file.parent}")
    if file.is_dir():
        raise _not_written(file, "it is a folder")
    if not os.access(file.parent, os.W_OK):
        raise _not_written(file, f"the folder {file.parent} is not writable")


def _not_written(file: pathlib.Path, why: str) -> DistillError:
    return DistillError(
        f"The picture {file} cannot be written: {why}. Give --png a file in a folder "
        "that exists and is yours."
    )

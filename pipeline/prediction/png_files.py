"""PNG files of matplotlib figures, each written whole or not at all."""

from __future__ import annotations

import io
import os
import pathlib
import warnings
from typing import TYPE_CHECKING

from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_DPI = 120
_MARGIN = 0.2  # inches


def write(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure with all that is drawn in it, or leaves an old file untouched.

    Raises:
        DistillError: If the file cannot be written.
    """
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        # A script that the font lacks shows as boxes; the rest is readable.
        warnings.filterwarnings("ignore", "Glyph .* missing", UserWarning)
        figure.savefig(
            buffer, format="png", dpi=_DPI, bbox_inches="tight", pad_inches=_MARGIN
        )
    file = pathlib.Path(path)
    try:
        with (
            file_system.written_whole(str(file)) as partial,
            file_system.open_file(partial, "wb") as opened,
        ):
            opened.write(buffer.getvalue())
    except OSError as error:
        raise _not_written(file, str(error.strerror)) from error


def check_path(path: str | os.PathLike[str]) -> None:
    """Checks, before any work, that a picture can be written there.

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
        f"The picture {file} cannot be written: {why}. Give --png a file in an existing "
        "folder that you may write to."
    )

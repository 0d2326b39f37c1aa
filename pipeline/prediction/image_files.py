"""A user's image files, converted as the images that a model was trained on."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfx_distill.trainer import file_system
from tfx_distill.trainer.data import canonical_images, photo_normaliser
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.photo_normaliser import Photo, UnreadableImage
from tfx_distill.trainer.errors import DataError

_UNIMPORTANT = (photo_normaliser.OTHER_FORMAT, photo_normaliser.FITTED)


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One decoded file: its path as given, and what is in it."""

    path: str
    photo: Photo


def load(path: str) -> ImageFile:
    """Decodes a file of any format that ExampleGen reads, and in the same way.

    Raises:
        DataError: If it is missing or cannot be decoded; one line.
    """
    try:
        with file_system.open_file(path, "rb") as file:
            return ImageFile(path, photo_normaliser.read(file.read()))
    except OSError as error:
        raise DataError(
            f"Image file {path} cannot be read ({error.strerror})."
        ) from error
    except UnreadableImage as error:
        raise DataError(
            f"Image file {path} cannot be used: {error}. Give a PNG or JPEG file."
        ) from None


def pixels(
    file: ImageFile, image_shape: tuple[int, ...], fit: str | None
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Converts an image to a model's input shape; values stay raw.

    Args:
        file: What `load` returned.
        image_shape: (height, width, channels) in pixels; channels is 1 or 3.
        fit: How an image of another size is fitted, see `image_fitting.fit`; None: it is
            refused.

    Returns:
        uint8 `image_shape` in 0–255, and what the user should know about the file.

    Raises:
        DataError: If its size differs and `fit` is None.
    """
    height, width, channels = image_shape
    photo = file.photo
    found, wanted = f"{photo.width}x{photo.height}", f"{width}x{height}"
    if found != wanted and fit is None:
        raise DataError(
            f"Image file {file.path} is {found} pixels (width x height), the model takes "
            f"{wanted} alone. Give --resize to fit it in."
        )
    form = Form((height, width, channels), fit or "crop")
    image, kinds = canonical_images.fitted(photo.image, form)
    notes = [kind for kind in photo.conversions + kinds if kind not in _UNIMPORTANT]
    if found != wanted:
        notes.append(f"{found} pixels, fitted into {wanted} ({form.fit})")
    return image, tuple(f"{file.path}: {note}." for note in notes)

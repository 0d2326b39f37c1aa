"""A user's image files, checked and converted to a model's input shape."""

from __future__ import annotations

import dataclasses
import warnings

import numpy as np
from PIL import Image, ImageOps

from tfx_distill.trainer.errors import DataError

_WHITE = (255, 255, 255, 255)


@dataclasses.dataclass(frozen=True)
class ImageFile:
    """One decoded file.

    Attributes:
        path: As given.
        image: Upright and opaque, 8 bits per channel.
        notes: What the user should know about how it was read, one line each.
    """

    path: str
    image: Image.Image
    notes: tuple[str, ...] = ()


def load(path: str) -> ImageFile:
    """Decodes a PNG, JPEG, BMP or any other format that Pillow reads.

    Applies the EXIF orientation, and puts transparent parts on white.

    Raises:
        DataError: If it is missing or cannot be decoded; one line.
    """
    try:
        with warnings.catch_warnings(), Image.open(path) as file:
            warnings.simplefilter("ignore")  # of Pillow, about damaged metadata
            num_frames = getattr(file, "n_frames", 1)
            file.load()
            upright = ImageOps.exif_transpose(file)
            image, composited = _opaque(_eight_bits(upright))
    except Exception as error:  # Pillow's decoders raise anything
        raise DataError(_unreadable(path, error)) from error
    notes = []
    if num_frames > 1:
        notes.append(f"{path}: the first of {num_frames} frames is used.")
    if composited:
        notes.append(f"{path}: transparent parts become white.")
    return ImageFile(path, image, tuple(notes))


def _unreadable(path: str, error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return f"Image file {path} cannot be read ({error.strerror})."
    if isinstance(error, Image.UnidentifiedImageError):
        return f"Image file {path} is not an image. Give a PNG, JPEG or BMP file."
    detail = " ".join(str(error).split()) or type(error).__name__
    return f"Image file {path} cannot be decoded ({detail}). Save it again as PNG."


def _eight_bits(image: Image.Image) -> Image.Image:
    if image.mode == "F":
        raise ValueError("floating-point pixels, expected 8 or 16 bits")
    if not image.mode.startswith("I"):
        return image
    values = np.asarray(image).astype(np.int64)  # Pillow alone would clip at 255
    if values.min() < 0 or values.max() > 65535:
        raise ValueError("32-bit pixels, expected 8 or 16 bits")
    return Image.fromarray(np.rint(values / 257).astype(np.uint8))


def _opaque(image: Image.Image) -> tuple[Image.Image, bool]:
    """The image without its alpha channel, and whether any of it was transparent."""
    if "A" not in image.getbands() and "transparency" not in image.info:
        return image, False
    overlay = image.convert("RGBA")
    is_transparent = bool(np.asarray(overlay.getchannel("A")).min() < 255)
    paper = Image.new("RGBA", overlay.size, _WHITE)
    return Image.alpha_composite(paper, overlay).convert("RGB"), is_transparent


def pixels(
    file: ImageFile, image_shape: tuple[int, ...], *, resize: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    """Converts an image to a model's input shape; values stay raw.

    Args:
        file: What `load` returned.
        image_shape: (height, width, channels) in pixels; channels is 1 or 3.
        resize: Fit an image of another size in: scale it as a whole, centre it, and
            fill the rest with the median colour of its border.

    Returns:
        uint8 `image_shape` in 0–255, and all notes about the file.

    Raises:
        DataError: If its size differs and `resize` is false.
    """
    height, width, channels = image_shape
    image = file.image.convert("L" if channels == 1 else "RGB")
    notes = file.notes
    if image.size != (width, height):
        found, wanted = f"{image.width}x{image.height}", f"{width}x{height}"
        if not resize:
            raise DataError(
                f"Image file {file.path} is {found} pixels (width x height), the model "
                f"takes {wanted}. Give --resize to fit it in."
            )
        image = _fitted(image, width, height)
        notes = (*notes, f"{file.path}: {found} pixels, fitted into {wanted}.")
    return np.asarray(image).reshape(image_shape), notes


def _fitted(image: Image.Image, width: int, height: int) -> Image.Image:
    scale = min(width / image.width, height / image.height)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    canvas = Image.new(image.mode, (width, height), _border_colour(image))
    place = (width - size[0]) // 2, (height - size[1]) // 2
    # Pillow's Lanczos filter avoids aliasing when it shrinks an image.
    canvas.paste(image.resize(size, Image.Resampling.LANCZOS), place)
    return canvas


def _border_colour(image: Image.Image) -> tuple[int, ...]:
    values = np.asarray(image).reshape(image.height, image.width, -1)
    border = np.concatenate([values[0], values[-1], values[:, 0], values[:, -1]])
    return tuple(int(value) for value in np.median(border, axis=0))

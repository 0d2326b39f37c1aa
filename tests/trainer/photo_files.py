"""Small image files of every kind, made in the test that needs them."""

import io

import numpy as np
from PIL import Image

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def encoded(image, kind="PNG", **options):
    """The file of a Pillow image or of an array."""
    if isinstance(image, np.ndarray):
        image = Image.fromarray(image)
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def plain(value, height=8, width=8):
    """An image of one colour, or grey for a single value."""
    return np.full((height, width, *np.shape(value)), value, np.uint8)


def noise(seed, height=8, width=8):
    """A colour image that is equal to none with another seed."""
    generator = np.random.default_rng(seed)
    return generator.integers(0, 256, (height, width, 3), np.uint8)


def orientation(value):
    """EXIF metadata that say how the camera was held."""
    exif = Image.Exif()
    exif[0x0112] = value
    return exif


def write_folder(root, counts, suffix=".png", first=0):
    """Writes `root/NAME/I.png` with different images; returns the next seed.

    Args:
        root: Folder of classes, such as `photos` or `photos/train`.
        counts: Number of images by class.
        suffix: Of the files.
        first: Seed of the first image.
    """
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            (root / name / f"{i}{suffix}").write_bytes(encoded(noise(first)))
            first += 1
    return first


def write_splits(root, classes=("cat", "dog"), counts=(5, 3, 3)):
    """Writes `root/SPLIT/NAME/I.png` with different images; returns `root`.

    Args:
        root: Gets the folders `train`, `eval` and `test`.
        classes: Their names.
        counts: Number of images of each class, by split.
    """
    seed = 0
    for split, count in zip(("train", "eval", "test"), counts, strict=True):
        seed = write_folder(root / split, dict.fromkeys(classes, count), first=seed)
    return root

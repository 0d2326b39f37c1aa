"""What the benchmarks share: data set options, and the machine they ran on."""

from __future__ import annotations

import argparse
import importlib.metadata
import os
import platform


def machine(*packages: str) -> dict[str, object]:
    """The machine and the versions of Python and of some packages, for the result."""
    versions = {name: importlib.metadata.version(name) for name in packages}
    return {
        "machine": f"{os.cpu_count()} cores, {platform.machine()}, {platform.system()}",
        "versions": {"python": platform.python_version(), **versions},
    }


def data_parser(description: str | None, smoke: str) -> argparse.ArgumentParser:
    """A parser for the options of a data set and `--smoke`, explained by `smoke`."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--dataset", default="mnist")
    parser.add_argument(
        "--data-dir", help="prepared data sets; default: the folder of TFDS"
    )
    parser.add_argument(
        "--manual-dir",
        default=os.environ.get("DISTILL_MANUAL_DIR"),
        help="original files; default: $DISTILL_MANUAL_DIR",
    )
    parser.add_argument("--smoke", action="store_true", help=smoke)
    return parser


def data_settings(args: argparse.Namespace) -> dict[str, str | None]:
    """The parsed options, as arguments of `DataConfig`."""
    return {
        "dataset": "digits" if args.smoke else args.dataset,
        "data_dir": args.data_dir,
        "manual_dir": args.manual_dir,
    }


def write_photos(folder: str, number: int, size: int) -> None:
    """Writes JPEG photos of `size` x `size` pixels, all different: CLASS/NUMBER.jpg.

    They are crops of scikit-learn's two sample photos, of any scale, some mirrored.
    The class is the photo and whether it is upside down.
    """
    import numpy as np
    from PIL import Image
    from sklearn.datasets import load_sample_images

    photos = [Image.fromarray(pixels) for pixels in load_sample_images().images]
    rng = np.random.default_rng(0)
    for class_ in range(4):
        os.makedirs(os.path.join(folder, f"class_{class_}"), exist_ok=True)
    for index in range(number):
        class_ = index % 4
        photo = photos[class_ % 2]
        side = int(rng.integers(size // 2, min(photo.size)))
        left, top = (int(rng.integers(0, length - side + 1)) for length in photo.size)
        box = (left, top, left + side, top + side)
        image = photo.resize((size, size), Image.Resampling.BILINEAR, box)
        if class_ >= 2:
            image = image.transpose(Image.Transpose.FLIP_TOP_BOTTOM)
        if rng.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        path = os.path.join(folder, f"class_{class_}", f"{index:06d}.jpg")
        image.save(path, quality=90)

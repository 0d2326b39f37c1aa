"""`digits`: 1,797 real handwritten digits that need no network.

scikit-learn's wheel brings them. Importing this module registers the TFDS data
set `digits`, in the format of `mnist`, so that everything which runs on MNIST
can be tried before MNIST itself is at hand.
"""

from __future__ import annotations

import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

_SIDE = 28  # pixels; MNIST's
_SCALE = 2.5  # of the 8x8 originals, to the 20x20 box that MNIST's digits fill
_MAX_VALUE = 16  # of the originals: 4x4 black-and-white pixels counted
_TEST_SHARE = 5  # one in five

_DESCRIPTION = """\
1,797 handwritten digits of 13 people, as scikit-learn ships them (the test part
of UCI's "Optical Recognition of Handwritten Digits"): 8x8 pixels of 17 grey
levels. Here enlarged to MNIST's format: 28x28, white on black, the digit in a
20x20 box whose centre of mass is the image's centre.

Split anew: every fifth digit of each class, in the order of the file, is in
`test` (360), the others in `train` (1,437). The file goes writer by writer but
does not name them, so both splits hold all classes and all hands alike; unlike
MNIST's, this test says nothing about people who were never seen.
"""

_CITATION = """\
@misc{alpaydin1998optical,
  author={Alpaydin, E. and Kaynak, C.},
  title={Optical Recognition of Handwritten Digits},
  year={1998},
  howpublished={UCI Machine Learning Repository},
  doi={10.24432/C50P49}
}
"""


class Digits(tfds.core.GeneratorBasedBuilder):
    """scikit-learn's digits in MNIST's format."""

    VERSION = tfds.core.Version("1.0.0")
    RELEASE_NOTES = {"1.0.0": "First version."}

    def _info(self) -> tfds.core.DatasetInfo:
        return tfds.core.DatasetInfo(
            builder=self,
            description=_DESCRIPTION,
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Image(shape=(_SIDE, _SIDE, 1)),
                    "label": tfds.features.ClassLabel(num_classes=10),
                }
            ),
            supervised_keys=("image", "label"),
            homepage="https://doi.org/10.24432/C50P49",
            citation=_CITATION,
        )

    def _split_generators(self, dl_manager):
        del dl_manager  # nothing to download
        from sklearn import datasets

        bunch = datasets.load_digits()
        train, test = _split(bunch.target)
        return {
            "train": self._generate_examples(bunch, train),
            "test": self._generate_examples(bunch, test),
        }

    def _generate_examples(self, bunch, indices):
        for index in indices:
            yield (
                int(index),
                {
                    "image": enlarge(bunch.images[index]),
                    "label": int(bunch.target[index]),
                },
            )


def _split(labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the train and the test split: every class, every writer in both."""
    by_class = np.argsort(labels, kind="stable")
    is_test = np.arange(len(labels)) % _TEST_SHARE == 0
    return by_class[~is_test], by_class[is_test]


def enlarge(digit: np.ndarray) -> np.ndarray:
    """Makes an 8x8 digit look like one of MNIST.

    Args:
        digit: float `(8, 8)`, 0 (paper) to 16 (ink).

    Returns:
        uint8 `(28, 28, 1)`, 0 (paper) to 255 (ink).
    """
    # A margin first: without it, strokes at the edge end in a hard cut.
    pixels = np.pad(np.rint(digit * (255 / _MAX_VALUE)).astype(np.uint8), 1)
    side = round(pixels.shape[0] * _SCALE)
    box = Image.fromarray(pixels).resize((side, side), Image.Resampling.BICUBIC)
    ink = np.asarray(box, np.float64)
    centres = np.arange(side) + 0.5
    left = round(_SIDE / 2 - float(ink.sum(0) @ centres / ink.sum()))
    top = round(_SIDE / 2 - float(ink.sum(1) @ centres / ink.sum()))
    canvas = Image.new("L", (_SIDE, _SIDE))
    canvas.paste(box, (left, top))
    return np.asarray(canvas)[:, :, np.newaxis]

import io

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.prediction import dataset_images, samples
from tfx_distill.trainer.errors import DataError, DistillError


def _shown(data, png=None, **changes):
    """What `samples.show` prints on its two streams."""
    out, err = io.StringIO(), io.StringIO()
    samples.show(
        PipelineConfig(data=data),
        samples.Selection(**{"split": "test", "count": 4, "seed": 0} | changes),
        png,
        Console(file=out, width=80),
        Console(file=err, width=80),
    )
    return out.getvalue(), err.getvalue()


def _labels(text):
    return [int(word) for word in text.splitlines()[-2].split()]


def test_chosen_samples_depend_on_the_seed_alone(digits):
    first, again, other = (_shown(digits, seed=seed)[0] for seed in (3, 3, 4))
    assert first == again != other
    assert first.startswith("digits 1.0.0, split test: images ")


def test_samples_stand_above_their_own_labels(digits):
    _, labels = dataset_images.open_split(digits, "train").read([5, 900])
    text, _ = _shown(digits, split="train", indices=(5, 900))
    assert _labels(text) == labels.tolist()


def test_the_picture_shows_the_samples_and_is_announced_on_stderr(digits, tmp_path):
    path = str(tmp_path / "samples.png")
    out, err = _shown(digits, png=path)
    assert "Picture" in err and "Picture" not in out
    with Image.open(path) as picture:
        assert picture.format == "PNG"


def test_a_split_without_so_many_images_is_named(digits):
    splits = digits.splits.replace(test="test[:3]")
    with pytest.raises(DataError, match="--count 4: split test has 3 images"):
        _shown(digits.replace(splits=splits))


def test_a_bad_place_for_the_picture_is_told_before_any_data_is_prepared(tmp_path):
    with pytest.raises(DistillError, match="there is no folder"):
        _shown(PipelineConfig().data, str(tmp_path / "no" / "a.png"))


def test_records_are_those_of_the_split_in_any_order(digits):
    splits = digits.splits.replace(eval="train[-7:]+test[:5]")
    train = dataset_images.open_split(digits.replace(splits=splits), "eval")
    images, labels = train.read([6, 7, 0])
    whole = splits.replace(eval="train", train="train")
    both = dataset_images.open_split(digits.replace(splits=whole), "eval")
    expected, expected_labels = both.read([len(both) - 1, len(both) - 7])
    np.testing.assert_array_equal(images[[0, 2]], expected)
    np.testing.assert_array_equal(labels[[0, 2]], expected_labels)
    np.testing.assert_array_equal(
        images[1], dataset_images.open_split(digits, "test").read([0])[0][0]
    )


def test_images_are_resized_as_a_run_would(digits):
    data = digits.replace(image_shape=(14, 14, 1))
    images, _ = dataset_images.open_split(data, "test").read([0])
    assert images.shape == (1, 14, 14, 1) and images.max() > 100


@pytest.mark.parametrize("index", [-1, 360])
def test_a_position_outside_the_split_is_named(digits, index):
    with pytest.raises(DataError, match=f"--index {index}: .* 360 images.* 0 to 359"):
        dataset_images.open_split(digits, "test").read([0, index])


def test_an_unknown_split_is_named(digits):
    with pytest.raises(DataError, match="train, eval, test"):
        dataset_images.open_split(digits, "validation")

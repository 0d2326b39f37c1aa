import matplotlib
import numpy as np
import pytest
from PIL import Image

from tfx_distill.pipeline.prediction import png_files, png_grids
from tfx_distill.pipeline.prediction.image_predictions import ImagePredictions
from tfx_distill.trainer.errors import DistillError

_WRONG = (0xC1, 0x44, 0x0E)
_NAMES = ("ant", "bee", "cow")


def _solid(colours):
    return np.stack([np.full((8, 8, 3), colour, np.uint8) for colour in colours])


def _count(path, colour):
    return int((np.asarray(Image.open(path).convert("RGB")) == colour).all(-1).sum())


def _drawn(path, label, teacher, student, names=_NAMES):
    probs = np.eye(len(names), dtype=np.float32) * 0.9 + 0.03
    one = ImagePredictions(
        name="", image=_solid([(9, 9, 200)])[0], label=label, teacher=probs[teacher],
        student=probs[student], class_names=tuple(names),
    )  # fmt: skip
    png_grids.predictions_grid([one], "toys, test", path)
    return path


def _refused(path):
    with pytest.raises(DistillError) as info:
        png_grids.samples_grid(_solid([(1, 2, 3)]), [0], _NAMES, "toys", path)
    return str(info.value)


def test_every_sample_is_drawn_with_its_own_pixels(tmp_path):
    colours = [(200, 30, 30), (30, 200, 30), (30, 30, 200), (200, 200, 30)]
    path = tmp_path / "samples.png"
    png_grids.samples_grid(_solid(colours), [0, 1, 2, 0], _NAMES, "toys, test", path)
    assert all(_count(path, colour) > 10_000 for colour in colours)


def test_grey_images_are_not_stretched_to_full_contrast(tmp_path):
    path = tmp_path / "samples.png"
    images = np.full((1, 28, 28, 1), 60, np.uint8)
    images[0, :14] = 90
    png_grids.samples_grid(images, [0], _NAMES, "toys, test", path)
    assert min(_count(path, (v, v, v)) for v in (60, 90)) > 10_000


@pytest.mark.parametrize(
    ("count", "shape"), [(1, (224, 160, 3)), (5, (8, 8, 1)), (64, (28, 28, 1))]
)
def test_pictures_of_any_size_stay_readable(tmp_path, count, shape):
    images = np.zeros((count, *shape), np.uint8)
    path = tmp_path / "samples.png"
    png_grids.samples_grid(images, [0] * count, _NAMES, "toys, test", path)
    with Image.open(path) as picture:
        assert min(picture.size) > 180 * np.sqrt(count)


def test_right_answers_have_no_mark_of_a_wrong_one(tmp_path):
    assert _count(_drawn(tmp_path / "a.png", 1, 1, 1), _WRONG) == 0


def test_a_wrong_answer_is_framed_and_named(tmp_path):
    both_wrong = _count(_drawn(tmp_path / "a.png", 1, 2, 2), _WRONG)
    one_wrong = _count(_drawn(tmp_path / "b.png", 1, 1, 2), _WRONG)
    assert min(both_wrong, one_wrong) > 1000


def test_a_disagreement_is_marked_without_labels(tmp_path):
    assert _count(_drawn(tmp_path / "a.png", None, 0, 2), _WRONG) > 1000
    assert _count(_drawn(tmp_path / "b.png", None, 2, 2), _WRONG) == 0


def test_marks_remain_in_a_grey_print(tmp_path):
    right = Image.open(_drawn(tmp_path / "a.png", 1, 1, 1)).convert("L")
    wrong = Image.open(_drawn(tmp_path / "b.png", 2, 1, 1)).convert("L")
    darker = np.asarray(right, int) - np.asarray(wrong, int)
    assert (darker > 60).sum() > 1000


def test_a_hundred_long_class_names_with_odd_signs_fit(tmp_path):
    names = [f"$a_very_long^class name \\{i} 魚" * 3 for i in range(100)]
    path = _drawn(tmp_path / "a.png", 99, 99, 0, names)
    edge = np.asarray(Image.open(path).convert("L"))[:, -10:]
    assert edge.min() == 255


def test_more_images_than_fit_are_refused(tmp_path):
    images = np.zeros((65, 8, 8, 1), np.uint8)
    with pytest.raises(DistillError, match="65 images .* 1 to 64"):
        png_grids.samples_grid(images, [0] * 65, _NAMES, "t", tmp_path / "a.png")


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "folder.png").mkdir()
    assert "there is no folder" in _refused(tmp_path / "no" / "a.png")
    assert "it is a folder" in _refused(tmp_path / "folder.png")
    assert "must end in .png" in _refused(tmp_path / "a.jpg")


def test_a_failed_write_leaves_the_old_picture_and_nothing_else(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    monkeypatch.setattr(png_files.os, "replace", full)
    assert "No space left on device" in _refused(path)
    assert [p.read_bytes() for p in tmp_path.iterdir()] == [b"old"]


def test_a_persons_matplotlib_style_does_not_matter(tmp_path):
    plain = _drawn(tmp_path / "a.png", 1, 1, 2).read_bytes()
    with matplotlib.rc_context({"figure.facecolor": "black", "font.size": 30}):
        styled = _drawn(tmp_path / "b.png", 1, 1, 2).read_bytes()
    assert plain == styled

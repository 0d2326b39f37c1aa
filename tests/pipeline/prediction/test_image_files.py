import numpy as np
import pytest
from PIL import Image

from tfx_distill.pipeline.prediction import image_files
from tfx_distill.trainer.errors import DataError

_SIDE = 28


def _digit():
    pixels = np.zeros((_SIDE, _SIDE), np.uint8)
    pixels[4:20, 6:9] = 251
    return pixels


def _saved(tmp_path, image, name="a.png", **options):
    path = tmp_path / name
    image.save(path, **options)
    return str(path)


def _pixels(path, shape=(_SIDE, _SIDE, 1), fit=None):
    return image_files.pixels(image_files.load(path), shape, fit)


def _refused(path, **options):
    with pytest.raises(DataError) as info:
        _pixels(str(path), **options)
    return str(info.value)


@pytest.mark.parametrize("name", ["a.png", "a.bmp", "a.tif"])
def test_pixels_arrive_as_they_are_in_the_file(tmp_path, name):
    found, notes = _pixels(_saved(tmp_path, Image.fromarray(_digit()), name))
    assert found.dtype == np.uint8 and notes == ()
    np.testing.assert_array_equal(found[:, :, 0], _digit())


def test_colour_becomes_grey_for_a_grey_model_and_back(tmp_path):
    path = _saved(tmp_path, Image.new("RGB", (_SIDE, _SIDE), (255, 0, 0)))
    assert (_pixels(path)[0] == 76).all()  # 0.299 of 255
    grey = _saved(tmp_path, Image.fromarray(_digit()), "b.png")
    assert (_pixels(grey, (_SIDE, _SIDE, 3))[0] == _digit()[:, :, None]).all()


def test_a_photo_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was turned: a viewer rotates by 90 degrees
    lying = Image.fromarray(_digit()).rotate(90)
    found, _ = _pixels(_saved(tmp_path, lying, exif=exif))
    np.testing.assert_array_equal(found[:, :, 0], _digit())


def test_transparency_is_dropped_as_in_training_and_that_is_said(tmp_path):
    path = _saved(tmp_path, Image.new("RGBA", (_SIDE, _SIDE), (70, 70, 70, 9)))
    found, notes = _pixels(path)
    assert (found == 70).all()
    assert notes == (f"{path}: transparency dropped.", f"{path}: colour to grey.")


def test_sixteen_bits_are_brought_to_eight(tmp_path):
    deep = Image.fromarray(_digit().astype(np.uint16) * 257)
    found, _ = _pixels(_saved(tmp_path, deep))
    np.testing.assert_array_equal(found[:, :, 0], _digit())


def test_of_an_animation_the_first_frame_counts_and_that_is_said(tmp_path):
    frames = [Image.fromarray(_digit()), Image.new("L", (_SIDE, _SIDE), 90)]
    path = _saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    found, notes = _pixels(path)
    assert found[5, 7, 0] == 251 and "first frame taken" in notes[0]


def test_another_size_is_refused_with_the_way_out(tmp_path):
    path = _saved(tmp_path, Image.new("L", (40, 30)))
    text = _refused(path)
    assert path in text and "40x30" in text and "28x28" in text and "--resize" in text


def test_another_size_is_fitted_as_the_model_was_trained(tmp_path):
    image = Image.new("L", (40, 80), 30)
    image.paste(200, (0, 20, 40, 60))
    path = _saved(tmp_path, image)
    cropped, notes = _pixels(path, fit="crop")
    padded, _ = _pixels(path, fit="pad")
    assert (cropped == 200).all() and (padded[:, :7] == 0).all()
    assert notes == (f"{path}: 40x80 pixels, fitted into 28x28 (crop).",)


def test_shrinking_does_not_alias(tmp_path):
    stripes = np.zeros((280, 280), np.uint8)
    stripes[:, ::2] = 255
    found, _ = _pixels(_saved(tmp_path, Image.fromarray(stripes)), fit="stretch")
    assert np.abs(found[2:-2, 2:-2].astype(int) - 127).max() < 12


def test_a_single_row_of_pixels_can_be_fitted(tmp_path):
    path = _saved(tmp_path, Image.new("RGB", (500, 1), (9, 8, 7)))
    assert (_pixels(path, (8, 8, 3), fit="stretch")[0] == (9, 8, 7)).all()


def test_files_that_are_no_images_are_named(tmp_path):
    (tmp_path / "text.png").write_text("no picture")
    _saved(tmp_path, Image.effect_noise((_SIDE, _SIDE), 90), "cut.png")
    with open(tmp_path / "cut.png", "r+b") as file:
        file.truncate(300)
    assert "text.png cannot be used: not an image" in _refused(tmp_path / "text.png")
    assert "cut.png cannot be used: does not decode" in _refused(tmp_path / "cut.png")
    assert "No such file" in _refused(tmp_path / "none.png")
    assert "Is a directory" in _refused(tmp_path)


def test_floating_point_pixels_are_refused(tmp_path):
    path = _saved(tmp_path, Image.new("F", (_SIDE, _SIDE), 0.5), "a.tif")
    assert "floating-point pixels" in _refused(path)

"""What becomes of an image on its way into the examples."""

import io
import zlib

import fuzz_images
import numpy as np
import pytest
from photo_files import RED, encoded, noise, orientation, plain, write_folder
from PIL import Image

from tfx_distill.trainer import progress
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data import (
    canonical_images,
    image_source,
    photo_normaliser,
    shape_choice,
)
from tfx_distill.trainer.data.canonical_images import Form
from tfx_distill.trainer.data.image_source import ImageFile, ImageSource
from tfx_distill.trainer.data.raw_images import RawImage

COLOUR = Form((8, 8, 3), "crop")


def _canonical(tmp_path, content, form=COLOUR):
    (tmp_path / "a").write_bytes(content)
    item = ImageFile(str(tmp_path), "a", 1, "train", len(content))
    fact, made = canonical_images.canonical(item, form)
    return fact, made, np.asarray(Image.open(io.BytesIO(made))) if made else None


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_file_of_the_form_passes_through_byte_for_byte(tmp_path, kind):
    content = encoded(noise(0), kind)
    fact, made, _ = _canonical(tmp_path, content)
    assert made == content and fact.conversions == ()
    assert (fact.name, fact.label, fact.split) == ("a", 1, "train")


def test_damage_that_pillow_overlooks_is_stored_anew(tmp_path):
    content = fuzz_images.png(8, 8, zlib.compress(bytes(8 * 9), 9)[:-4])  # no checksum
    fact, made, pixels = _canonical(tmp_path, content, Form((8, 8, 1), "crop"))
    assert fact.conversions == (photo_normaliser.OTHER_FORMAT,)
    assert made != content and not pixels.any()


def test_other_sizes_and_colours_become_a_png_of_the_form(tmp_path):
    content = encoded(plain(60, 30, 20), "JPEG")
    fact, made, pixels = _canonical(tmp_path, content)
    np.testing.assert_array_equal(pixels, plain((60, 60, 60)))
    assert made.startswith(b"\x89PNG")
    assert fact.conversions == (photo_normaliser.TO_COLOUR, photo_normaliser.FITTED)
    assert (fact.height, fact.width) == (30, 20)


def test_turned_photo_of_the_right_size_is_stored_upright(tmp_path):
    half = np.concatenate([plain(RED, 4, 8), plain((0, 0, 0), 4, 8)])
    content = encoded(half, exif=orientation(3))
    _, _, pixels = _canonical(tmp_path, content)
    np.testing.assert_array_equal(pixels, half[::-1])


@pytest.mark.parametrize("turned", [{}, {"exif": orientation(3)}])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_an_image_among_others_becomes_what_it_becomes_alone(tmp_path, kind, turned):
    content = encoded(noise(0), kind, **turned)
    (tmp_path / "a").write_bytes(content)
    item = ImageFile(str(tmp_path), "a", 1, "train", len(content))
    expected = canonical_images.canonical(item, COLOUR)
    assert list(canonical_images.convert([item, item], COLOUR)) == [expected] * 2


def test_colour_among_grey_becomes_grey(tmp_path):
    form = Form((8, 8, 1), "crop")
    fact, _, pixels = _canonical(tmp_path, encoded(plain((90, 90, 90))), form)
    np.testing.assert_array_equal(pixels, plain(90))
    assert fact.conversions == (photo_normaliser.TO_GREY,)


def test_bad_file_has_a_reason_and_no_bytes(tmp_path):
    fact, made, _ = _canonical(tmp_path, b"")
    assert (fact.bad, made) == ("the file is empty", b"")
    gone = ImageFile(str(tmp_path), "gone.png", 0, "train", 0)
    fact, _ = canonical_images.canonical(gone, COLOUR)
    assert fact.bad == "cannot be read: No such file or directory"


def test_split_is_cut_by_shares_of_the_digest():
    form = Form((8, 8, 3), "crop", (("test", 0.25), ("eval", 0.25)))
    places = [0, 2**62 - 2**12, 2**62, 2**63 - 2**12, 2**63, 2**64 - 1]
    assert [form.place("", RawImage(b"", 0, "train"), at)[0] for at in places] == [
        "test", "test", "eval", "eval", "train", "train",
    ]  # fmt: skip
    assert form.place("", RawImage(b"", 1, "test"), 0) == ("test", 1)


def test_only_named_images_of_train_keep_their_label():
    form = Form((8, 8, 3), "crop", (("test", 0.25),), frozenset("a"))
    image = RawImage(b"", 1, "train")
    assert form.place("a", image, 2**63) == ("train", 1)
    assert form.place("b", image, 2**63) == ("unlabelled", -1)
    assert form.place("b", image, 0) == ("test", 1)


@pytest.mark.parametrize("small", [0, 2**40])
def test_many_images_keep_their_order_with_and_without_threads(
    tmp_path, monkeypatch, small
):
    monkeypatch.setattr(canonical_images, "_MIN_BYTES_FOR_THREADS", small)
    write_folder(tmp_path, {"cat": 150, "dog": 150})
    files = ImageSource(DataConfig(images=str(tmp_path))).files
    converted = list(canonical_images.convert(files, COLOUR))
    assert [fact.name for fact, _ in converted] == [file.name for file in files]
    assert all(made == file.open().encoded
               for file, (_, made) in zip(files, converted, strict=True))  # fmt: skip


def test_a_chunk_reports_its_place_among_all_images(tmp_path, monkeypatch):
    monkeypatch.setattr(image_source, "_MAX_CHUNK_IMAGES", 3)
    write_folder(tmp_path, {"cat": 4, "dog": 4})
    seen = []
    progress.listen(seen.append)
    try:
        for chunk in ImageSource(DataConfig(images=str(tmp_path))).chunks((8, 8, 3)):
            assert (
                len(list(canonical_images.convert_chunk(chunk, COLOUR))) == chunk.size
            )
    finally:
        progress.listen(None)
    told = [(one.task, one.done, one.total) for one in seen]
    assert told == [("reading images", done, 8) for done in (2, 5, 8)]


def test_what_a_thread_gets_is_bounded_in_bytes_and_images():
    sizes = [4 * 2**20 - 1, 1] + [1000] * 65
    items = [ImageFile("", str(at), 0, "train", size) for at, size in enumerate(sizes)]
    assert [len(batch) for batch in canonical_images._batches(items)] == [2, 64, 1]


def _chosen(tmp_path, *images, **settings):
    for i, image in enumerate(images):
        folder = tmp_path / "ab"[i % 2]
        folder.mkdir(exist_ok=True)
        (folder / f"{i}.png").write_bytes(encoded(image))
    data = DataConfig(images=str(tmp_path), **settings)
    return shape_choice.choose(ImageSource(data), data)


def test_size_that_all_images_have_is_theirs(tmp_path):
    assert _chosen(tmp_path, *[plain(1, 30, 50)] * 3) == ((30, 50, 1), False)


def test_one_coloured_image_makes_all_coloured(tmp_path):
    images = [plain(1, 30, 50)] * 3 + [plain(RED, 30, 50)]
    assert _chosen(tmp_path, *images) == ((30, 50, 3), False)


def test_size_of_most_images_is_chosen(tmp_path):
    images = [plain(1, 30, 50)] * 3 + [plain(1, 90, 90)]
    assert _chosen(tmp_path, *images) == ((30, 50, 1), True)


@pytest.mark.parametrize(
    ("sizes", "chosen"),
    [
        ([(70, 80), (75, 85), (80, 90)], (64, 80)),
        ([(600, 800)] * 3, (160, 208)),
        ([(20, 30), (25, 31), (30, 39)], (24, 28)),
        ([(5, 9), (6, 8), (7, 7)], (6, 8)),
    ],
)
def test_different_or_large_sizes_become_their_rounded_median(tmp_path, sizes, chosen):
    images = [plain(1, *size) for size in sizes]
    assert _chosen(tmp_path, *images) == ((*chosen, 1), True)


def test_given_shape_wins(tmp_path):
    given = _chosen(tmp_path, plain(1), plain(2), image_shape=(9, 9, 3))
    assert given == ((9, 9, 3), False)

"""Every oddity of real photos, by the pixels that come out."""

import io

import numpy as np
import pytest
import tensorflow as tf
from photo_files import BLUE, GREEN, RED, WHITE, encoded, noise, orientation, plain
from PIL import Image, TiffImagePlugin

from tfx_distill.trainer.data import photo_normaliser
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage

# Upright: a red top left, a green top right, a blue bottom left, a white bottom right.
CORNERS = np.array([[RED, GREEN, GREEN], [BLUE, WHITE, WHITE]], np.uint8)
# How such an image lies in the file for each EXIF orientation (2 to 8).
STORED = {
    1: CORNERS,
    2: CORNERS[:, ::-1],
    3: CORNERS[::-1, ::-1],
    4: CORNERS[::-1],
    5: CORNERS.transpose(1, 0, 2),
    6: np.rot90(CORNERS),
    7: np.rot90(CORNERS[::-1, ::-1].transpose(1, 0, 2), 0),
    8: np.rot90(CORNERS, -1),
}


def _pixels(photo):
    return np.asarray(photo.image)


def _read(image, kind="PNG", **options):
    return photo_normaliser.read(encoded(image, kind, **options))


def _without_adobe_marker(jpeg):
    start = jpeg.index(b"\xff\xee")
    size = int.from_bytes(jpeg[start + 2 : start + 4], "big")
    return jpeg[:start] + jpeg[start + 2 + size :]


@pytest.mark.parametrize("value", range(1, 9))
def test_photo_is_turned_upright(value):
    photo = _read(np.ascontiguousarray(STORED[value]), exif=orientation(value))
    np.testing.assert_array_equal(_pixels(photo), CORNERS)
    assert (photo.height, photo.width) == (2, 3)
    assert photo.conversions == (() if value == 1 else (photo_normaliser.TURNED,))


def test_turned_jpeg_has_the_size_of_the_upright_image():
    jpeg = encoded(noise(0, 48, 64), "JPEG", exif=orientation(6))
    assert photo_normaliser.read(jpeg).image.size == (48, 64)
    assert photo_normaliser.size_and_channels(jpeg) == (64, 48, 3)


def test_turned_tiff_is_not_turned_twice():
    tiff = encoded(np.ascontiguousarray(STORED[6]), "TIFF", exif=orientation(6))
    np.testing.assert_array_equal(_pixels(photo_normaliser.read(tiff)), CORNERS)
    assert photo_normaliser.size_and_channels(tiff) == (2, 3, 3)


def test_a_png_says_after_its_pixels_too_how_it_is_turned():
    png = encoded(np.ascontiguousarray(STORED[6]), exif=orientation(6))
    start = png.index(b"eXIf") - 4
    stop = start + 12 + int.from_bytes(png[start : start + 4], "big")
    moved = png[:start] + png[stop:-12] + png[start:stop] + png[-12:]
    np.testing.assert_array_equal(_pixels(photo_normaliser.read(moved)), CORNERS)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_metadata_do_not_spoil_a_sound_image():
    jpeg = encoded(plain(RED), "JPEG", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    assert photo_normaliser.read(jpeg).conversions == ()


@pytest.mark.parametrize(
    ("image", "kind", "expected", "conversion"),
    [
        (Image.fromarray(plain(77)), "PNG", plain(77), None),
        (plain((200, 100, 50, 10)), "PNG", plain((200, 100, 50)), "ALPHA"),
        (Image.fromarray(plain((200, 10)), "LA"), "PNG", plain(200), "ALPHA"),
        (Image.fromarray(plain((204, 102, 51))).convert("P"), "PNG",
         plain((204, 102, 51)), "PALETTE"),
        (np.full((8, 8), 25087, np.uint16), "PNG", plain(97), "DEEP"),
        (np.full((8, 8), True), "PNG", plain(255), "BILEVEL"),
    ],
)  # fmt: skip
def test_pixels_and_kind_of_conversion(image, kind, expected, conversion):
    photo = _read(image, kind)
    np.testing.assert_array_equal(_pixels(photo), expected)
    kinds = () if conversion is None else (getattr(photo_normaliser, conversion),)
    assert photo.conversions == kinds
    assert photo.is_plain == (conversion is None)


def test_sixteen_bit_are_scaled_over_their_whole_range():
    values = np.array([[0, 255, 256, 32768, 65535]], np.uint16)
    assert _pixels(_read(values)).tolist() == [[0, 0, 1, 128, 255]]


@pytest.mark.parametrize("adobe", [True, False])
def test_cmyk_is_inverted_as_adobes_marker_says(adobe):
    cmyk = Image.fromarray(plain((200, 100, 50))).convert("CMYK")
    jpeg = encoded(cmyk, "JPEG", quality=100)  # Pillow writes it inverted and marked
    if not adobe:
        inverted = Image.fromarray(255 - np.asarray(cmyk), "CMYK")
        jpeg = _without_adobe_marker(encoded(inverted, "JPEG", quality=100))
    photo = photo_normaliser.read(jpeg)
    assert photo.conversions == (photo_normaliser.CMYK,)
    np.testing.assert_allclose(_pixels(photo), plain((200, 100, 50)), atol=3)


def test_transparent_colour_of_a_palette_keeps_its_own_colour():
    palette = Image.fromarray(plain((204, 102, 51))).convert("P")
    photo = _read(palette, transparency=palette.getpixel((0, 0)))
    np.testing.assert_array_equal(_pixels(photo), plain((204, 102, 51)))


def test_first_frame_of_an_animation_is_taken():
    frames = [Image.fromarray(plain(colour)).convert("P") for colour in (RED, BLUE)]
    photo = _read(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_array_equal(_pixels(photo), plain(RED))
    assert photo_normaliser.FRAME in photo.conversions


@pytest.mark.parametrize("kind", ["BMP", "WEBP", "TIFF", "PPM"])
def test_other_formats_are_read(kind):
    photo = _read(
        plain((10, 200, 30)), kind, **({"lossless": True} if kind == "WEBP" else {})
    )
    np.testing.assert_array_equal(_pixels(photo), plain((10, 200, 30)))
    assert photo.conversions == (photo_normaliser.OTHER_FORMAT,)


def test_photo_of_a_telephone_with_a_second_image_is_a_jpeg():
    first, second = (Image.fromarray(noise(seed, 16, 16)) for seed in (1, 2))
    mpo = encoded(first, "MPO", save_all=True, append_images=[second])
    photo = photo_normaliser.read(mpo)
    assert photo.is_plain
    np.testing.assert_array_equal(_pixels(photo), _pixels(_read(first, "JPEG")))


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"no image", "not an image of a known format"),
        (b"\0\0\0\x18ftypheic", "HEIC"),
        (encoded(noise(0, 64, 64), "JPEG")[:-900], "truncated"),
        (encoded(noise(0))[:-60], "does not decode"),
        (encoded(np.full((8, 8), 0.5, np.float32), "TIFF"), "floating-point pixels"),
        (encoded(np.full((8, 8), 70000, np.int32), "TIFF"), "32-bit pixels"),
    ],
)  # fmt: skip
def test_unreadable_file_has_a_reason(content, reason):
    with pytest.raises(UnreadableImage, match=reason):
        photo_normaliser.read(content)


def test_enormous_image_is_refused_from_its_header():
    # A strip of one row is all that there is of 60,000 x 60,000 pixels.
    file = io.BytesIO()
    info = TiffImagePlugin.ImageFileDirectory_v2()
    Image.fromarray(plain(1, 1, 8)).save(file, "TIFF", tiffinfo=info)
    damaged = bytearray(file.getvalue())
    for tag in (256, 257):  # width, height: type SHORT, one value
        place = damaged.index(tag.to_bytes(2, "little") + b"\x04\0\x01\0\0\0")
        damaged[place + 8 : place + 12] = (8500).to_bytes(4, "little")
    with pytest.raises(
        UnreadableImage, match="8500 x 8500 pixels, more than 64 million"
    ):
        photo_normaliser.read(bytes(damaged))


def test_very_large_jpeg_is_decoded_at_a_fraction_of_its_size():
    photo = photo_normaliser.read(encoded(plain(RED, 2100, 4100), "JPEG"))
    assert photo.image.size == (2050, 1050)
    assert (photo.height, photo.width) == (2100, 4100)
    assert _pixels(photo)[500, 500].tolist() == [254, 0, 0]


def test_digest_is_that_of_the_pixels():
    image = noise(3)
    as_png, as_bmp = _read(image), _read(image, "BMP")
    assert as_png.digest == as_bmp.digest != _read(noise(4)).digest
    assert _read(plain(9)).digest == _read(plain((9, 9, 9))).digest
    assert _read(plain(9, 4, 16)).digest != _read(plain(9, 16, 4)).digest


def test_a_grey_corner_makes_no_grey_image():
    image = noise(3)
    image[0, 0] = 7
    other = image.copy()
    other[1:, :, 2] ^= 255
    assert _read(image).digest != _read(other).digest


@pytest.mark.parametrize(
    ("options", "shape", "is_plain"),
    [
        ({}, (8, 8, 3), True),
        ({}, (8, 8, 1), False),
        ({"exif": orientation(3)}, (8, 8, 3), False),
        ({"transparency": (1, 2, 3)}, (8, 8, 3), False),
    ],
)
def test_a_plain_png_is_known_by_its_header(options, shape, is_plain):
    png = encoded(noise(0), **options)
    assert photo_normaliser.is_plain_png(png, shape) == is_plain


@pytest.mark.parametrize(
    "image", [plain((200, 100, 50, 10)), np.full((8, 8), 25087, np.uint16)]
)
def test_pixels_are_those_of_tensorflows_decoder(image):
    png = encoded(image)
    served = tf.io.decode_png(png, channels=3).numpy()
    photo = photo_normaliser.read(png)
    np.testing.assert_array_equal(np.asarray(photo.image.convert("RGB")), served)

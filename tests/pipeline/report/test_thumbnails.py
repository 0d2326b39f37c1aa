"""Pictures in a page: tiny ones as they are, photos as small JPEGs."""

import base64
import io

import numpy as np
import pytest
from PIL import Image
from small_runs import png

from tfx_distill.pipeline.report.collect.thumbnails import thumbnail

TINY = png(np.full((4, 4), 20, np.uint8))


def _encoded(kind, size, mode="RGB"):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


def _content(picture):
    prefix, _, content = picture.url.partition(",")
    return prefix, base64.b64decode(content)


def test_a_tiny_image_keeps_its_bytes():
    assert _content(thumbnail(TINY)) == ("data:image/png;base64", TINY)
    tiny = _encoded("JPEG", (32, 32))
    assert _content(thumbnail(tiny)) == ("data:image/jpeg;base64", tiny)


@pytest.mark.parametrize(
    ("size", "shown"),
    [((8, 8), (128, 128)), ((28, 28), (112, 112)), ((32, 32), (128, 128)),
     ((48, 24), (96, 48)), ((1, 64), (2, 128))],
)  # fmt: skip
def test_a_tiny_image_grows_by_a_whole_number_of_crisp_pixels(size, shown):
    picture = thumbnail(_encoded("PNG", size))
    assert picture.crisp
    assert (picture.width, picture.height) == shown


@pytest.mark.parametrize(
    ("kind", "size", "stored", "shown"),
    [("PNG", (160, 160), (160, 160), (128, 128)),
     ("JPEG", (400, 200), (160, 80), (128, 64)),
     ("PNG", (2000, 1), (160, 1), (128, 1))],
)  # fmt: skip
def test_a_photo_becomes_a_small_jpeg(kind, size, stored, shown):
    picture = thumbnail(_encoded(kind, size))
    prefix, content = _content(picture)
    assert prefix == "data:image/jpeg;base64"
    assert Image.open(io.BytesIO(content)).size == stored
    assert (picture.width, picture.height, picture.crisp) == (*shown, False)


def test_what_a_browser_may_not_show_is_encoded_anew():
    assert _content(thumbnail(_encoded("JPEG", (32, 32), "CMYK")))[0].startswith(
        "data:image/png"
    )


def test_what_is_no_picture_is_refused():
    with pytest.raises(OSError):
        thumbnail(b"<svg onload=alert(1)>")


def test_a_picture_with_a_wrong_checksum_is_refused():
    damaged = bytearray(TINY)
    damaged[damaged.index(b"IDAT") + 6] ^= 0xFF
    with pytest.raises((ValueError, OSError)):
        thumbnail(bytes(damaged))


def test_a_picture_of_too_many_pixels_is_refused(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 4)
    with pytest.raises(ValueError, match="picture cannot be shown"):
        thumbnail(TINY)

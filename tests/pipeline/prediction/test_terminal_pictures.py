import io

import numpy as np
import pytest
from rich.cells import cell_len
from rich.console import Console

from tfx_distill.pipeline.prediction import terminal_pictures
from tfx_distill.pipeline.prediction.image_predictions import ImagePredictions


def _printed(what, *, width=80, colours=None, encoding="utf-8", no_color=False):
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline="")
    Console(
        file=file, width=width, color_system=colours, force_terminal=bool(colours),
        no_color=no_color, legacy_windows=False,
    ).print(what)  # fmt: skip
    file.flush()
    return file.buffer.getvalue().decode(encoding)


def _view(label=0, teacher=(0.5, 0.25, 0.25), student=(0.125, 0.125, 0.75), names=None,
          side=28):  # fmt: skip
    return terminal_pictures.PredictionsView(
        ImagePredictions(
            name="test[4]",
            image=np.zeros((side, side, 1), np.uint8),
            label=label,
            teacher=np.array(teacher),
            student=np.array(student),
            class_names=names or ("ant", "bee", "cow"),
        )
    )


def test_with_colours_a_character_shows_two_pixels():
    image = np.array([[[250, 0, 1]], [[2, 251, 3]]], np.uint8)
    text = _printed(terminal_pictures.Picture(image, width=2), colours="truecolor")
    assert text.strip() == "\x1b[38;2;250;0;1;48;2;2;251;3m▀\x1b[0m"


def test_the_last_of_an_odd_number_of_rows_has_nothing_below():
    image = np.full((3, 3, 1), 7, np.uint8)
    lines = _printed(
        terminal_pictures.Picture(image, width=3), colours="truecolor"
    ).split("\n")
    assert "48;2;7;7;7" in lines[0]
    assert lines[1] == "\x1b[38;2;7;7;7m▀▀▀\x1b[0m"


@pytest.mark.parametrize("options", [{}, {"colours": "truecolor", "no_color": True}])
def test_without_colours_brighter_pixels_are_denser_shades(options):
    image = np.repeat(np.array([0, 60, 120, 180, 255], np.uint8), 2).reshape(5, 2).T
    text = _printed(terminal_pictures.Picture(image[:, :, None], width=5), **options)
    assert text == " ░▒▓█\n"


def test_not_even_class_names_break_an_ascii_terminal():
    view = _view(names=("Käfer", "bee", "蟻"))
    text = _printed(view, encoding="ascii")
    assert "K?fer" in text and "#####" in text and "WRONG" in text
    assert not set("✓✗≠█") & set(text)


def test_an_image_larger_than_its_place_is_shrunk_as_a_whole():
    image = np.zeros((200, 100, 3), np.uint8)
    image[:, 50:] = 255
    lines = _printed(terminal_pictures.Picture(image, width=20)).splitlines()
    assert lines == [" " * 5 + "█" * 5] * 10


@pytest.mark.parametrize("count", [1, 2, 9, 64])
@pytest.mark.parametrize("side", [8, 28, 224])
@pytest.mark.parametrize("width", [20, 80, 120])
def test_samples_fit_their_terminal_and_all_have_labels(count, side, width):
    images = np.zeros((count, side, side, 1), np.uint8)
    names = [f"n{i}n" for i in range(count)]
    view = terminal_pictures.SamplesView(images, np.arange(count), names)
    text = _printed(view, width=width)
    assert max(map(len, text.splitlines())) <= width
    assert text.split() == names


@pytest.mark.parametrize(
    ("side", "width", "shown"), [(28, 80, 18), (160, 80, 25), (32, 140, 32)]
)
def test_photos_get_more_room_than_digits_as_far_as_there_is_room(side, width, shown):
    images = np.full((16, side, side, 1), 255, np.uint8)
    view = terminal_pictures.SamplesView(images, [0] * 16, ["a"])
    blocks = _printed(view, width=width).split()
    assert max(map(len, blocks)) == shown


def test_long_names_below_samples_take_two_lines():
    images = np.zeros((4, 28, 28, 1), np.uint8)
    names = ["standard_poodle_of_medium_height_and_long_name", "b", "c", "蟻と蜂の写真"]
    view = terminal_pictures.SamplesView(images, range(4), names)
    first, other, second, *rest = _printed(view).split()
    assert (first + second, other) == (names[0], "b")
    assert rest == ["c", names[3]]


def test_nine_samples_are_three_by_three():
    images = np.zeros((9, 28, 28, 1), np.uint8)
    text = _printed(terminal_pictures.SamplesView(images, range(9), "abcdefghi"))
    rows = [line.split() for line in text.splitlines() if line.strip()]
    assert rows == [["a", "b", "c"], ["d", "e", "f"], ["g", "h", "i"]]


def test_bars_are_as_long_as_their_probabilities():
    text = _printed(_view(teacher=(1.0, 0.0, 0.0), student=(0.5, 0.5, 0.0)))
    (ant,) = [row for row in map(str.split, text.splitlines()) if row[:1] == ["ant"]]
    _, teacher, teacher_share, student, student_share = ant
    assert (teacher_share, student_share) == ("100.0%", "50.0%")
    assert teacher == 2 * student and set(teacher) == {"█"}


def test_answers_are_judged_in_words():
    text = " ".join(_printed(_view(label=0)).split())
    assert "test[4] label ant" in text
    assert "teacher ant ✓ correct" in text
    assert "student cow ✗ WRONG" in text
    assert "≠ they disagree" in text


def test_without_a_label_nothing_is_correct_or_wrong():
    text = _printed(_view(label=None, student=(0.9, 0.05, 0.05)))
    assert "right" not in text and "WRONG" not in text and "disagree" not in text


def test_both_answers_are_among_the_bars_of_many_classes():
    names = tuple(f"class_{i}" for i in range(100))
    teacher, student = np.full((2, 100), 1 / 200)
    teacher[41] = student[97] = 0.505
    text = _printed(_view(label=3, teacher=teacher, student=student, names=names))
    bars = [line.split()[0] for line in text.splitlines() if "%" in line]
    assert len(bars) == 5 and {"class_41", "class_97"} <= set(bars)


def test_class_names_are_not_taken_for_markup():
    assert "[red]ant" in _printed(_view(names=("[red]ant", "bee", "cow")))


@pytest.mark.parametrize("width", [200, 120, 80, 64, 40])
@pytest.mark.parametrize("name", ["quite_a_long_name_for_the_class_number_", "蟻" * 20])
@pytest.mark.parametrize("side", [28, 32, 160])
def test_an_answer_fits_its_terminal(width, name, side):
    view = _view(names=tuple(f"{name}{i}" for i in range(3)), side=side)
    lines = _printed(view, width=width).splitlines()
    assert max(map(cell_len, lines)) <= width
    assert sum("%" in line for line in lines) == 3


def test_a_photo_of_32_pixels_keeps_them_in_a_terminal_of_80_columns():
    view = _view(side=32)
    assert _printed(view, colours="truecolor").count("▀") == 32 * 16

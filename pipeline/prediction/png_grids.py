"""Grids of images, with labels or with both models' answers, as PNG files."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import matplotlib
import matplotlib.style
import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Patch

from tfx_distill.pipeline.prediction.answers import Answer, percent
from tfx_distill.pipeline.prediction.png_page import Page, check_path
from tfx_distill.pipeline.short_text import shortened
from tfx_distill.trainer.errors import DistillError

MAX_IMAGES = 64

_TOP = 5
# Of Okabe and Ito's palette, which colour-blind people can tell apart. The
# student's bars are hatched besides, so that a grey print shows them too.
_TEACHER_COLOUR = "#0072b2"
_STUDENT_COLOUR = "#e69f00"
_WRONG_COLOUR = "#c1440e"
_FRAME_COLOUR = "#999999"

# All lengths are in inches.
_SAMPLE_SIDE = 1.5
_SAMPLE_GAP = 0.15
_SAMPLE_LABEL = 0.3
_ANSWER_WIDTH = 4.9
_ANSWER_HEIGHT = 2.45
_ANSWER_SIDE = 1.55
_ANSWER_COLUMNS = 4
_LINE = 0.19


def check_count(count: int) -> None:
    """Checks that a picture of so many images is possible.

    Raises:
        DistillError: If it is not.
    """
    if not 1 <= count <= MAX_IMAGES:
        raise DistillError(
            f"A picture of {count} images was asked for; it holds 1 to {MAX_IMAGES}. "
            "Ask for fewer, or leave --png out."
        )


def samples_grid(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray,
    class_names: Sequence[str],
    title: str,
    path: str | os.PathLike[str],
) -> None:
    """Draws images in a grid as square as it gets, each with its label.

    Args:
        images: uint8 `(count, height, width, channels)` in 0–255; count is 1 to
            `MAX_IMAGES`, channels is 1 or 3.
        labels: int `(count,)`, class indices.
        class_names: One for each class, in label order.
        title: Names data set and split.
        path: PNG file to write or replace.

    Raises:
        DistillError: If there are too many images, or the file cannot be written.
    """
    check_count(len(images))
    check_path(path)
    columns = math.ceil(math.sqrt(len(images)))
    rows = math.ceil(len(images) / columns)
    step = _SAMPLE_SIDE + _SAMPLE_GAP
    with matplotlib.style.context("default"):  # whatever a matplotlibrc says
        page = Page(columns * step - _SAMPLE_GAP, rows * (step + _SAMPLE_LABEL), title)
        for index, (image, label) in enumerate(zip(images, labels, strict=True)):
            row, column = divmod(index, columns)
            left, top = column * step, row * (step + _SAMPLE_LABEL)
            axes = page.axes(left, top + _SAMPLE_LABEL, _SAMPLE_SIDE, _SAMPLE_SIDE)
            _show(axes, image)
            name = shortened(class_names[label], 20)
            size = min(12, 160 / max(1, len(name)))  # a name as wide as its image
            page.text(
                left + _SAMPLE_SIDE / 2, top + _SAMPLE_LABEL - 0.05, name,
                ha="center", va="bottom", size=size,
            )  # fmt: skip
        page.save(path)


def answers_grid(
    images: np.ndarray,
    labels: Sequence[int] | np.ndarray | None,
    teacher_probs: np.ndarray,
    student_probs: np.ndarray,
    class_names: Sequence[str],
    title: str,
    path: str | os.PathLike[str],
    *,
    names: Sequence[str] | None = None,
) -> None:
    """Draws images with both models' answers and likeliest classes.

    A wrong answer, or a disagreement, is said in words and gives the image a
    thick dashed frame.

    Args:
        images: uint8 `(count, height, width, channels)` in 0–255; count is 1 to
            `MAX_IMAGES`, channels is 1 or 3.
        labels: int `(count,)`, class indices; None when they are not known.
        teacher_probs: float `(count, num_classes)`, probabilities.
        student_probs: As `teacher_probs`.
        class_names: One for each class, in label order.
        title: Names data set and split.
        path: PNG file to write or replace.
        names: One for each image, shown above it; empty when None.

    Raises:
        DistillError: If there are too many images, or the file cannot be written.
    """
    count = len(images)
    check_count(count)
    check_path(path)
    # A cell is twice as wide as high, so this comes close to a square.
    columns = min(_ANSWER_COLUMNS, math.ceil(math.sqrt(count / 2)))
    rows = math.ceil(count / columns)
    with matplotlib.style.context("default"):
        page = Page(
            columns * _ANSWER_WIDTH, rows * _ANSWER_HEIGHT, title, _model_legend()
        )
        for index in range(count):
            answer = Answer(
                name=names[index] if names is not None else "",
                image=images[index],
                label=None if labels is None else int(labels[index]),
                teacher=teacher_probs[index],
                student=student_probs[index],
                class_names=tuple(class_names),
            )
            row, column = divmod(index, columns)
            _draw_answer(page, column * _ANSWER_WIDTH, row * _ANSWER_HEIGHT, answer)
        page.save(path)


def _show(axes: Axes, image: np.ndarray) -> None:
    # As RGB even if grey: a colour map would stretch the contrast, and round.
    axes.imshow(np.broadcast_to(image, (*image.shape[:2], 3)))
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_color(_FRAME_COLOUR)


def _draw_answer(page: Page, left: float, top: float, answer: Answer) -> None:
    text_left = left + 0.1
    right = left + _ANSWER_WIDTH - 0.1
    label = None if answer.label is None else answer.class_names[answer.label]
    head = [shortened(answer.name, 40)] if answer.name else []
    head += [f"label {shortened(label, 20)}"] if label is not None else []
    page.text(text_left, top, "   ".join(head), va="top", size=9.5, weight="bold")
    if not answer.agree:
        page.text(
            right, top, "≠ they disagree", va="top", ha="right", size=9.5,
            weight="bold", color=_WRONG_COLOUR,
        )  # fmt: skip
    wrong = not answer.agree
    for line, (role, class_) in enumerate(
        (("teacher", answer.teacher_class), ("student", answer.student_class)), start=1
    ):
        is_right = answer.is_right(class_)
        wrong = wrong or is_right is False
        mark = {None: "", True: "  ✓ right", False: "  ✗ WRONG"}[is_right]
        page.text(
            text_left, top + line * _LINE,
            f"{role}  {shortened(answer.class_names[class_], 36)}{mark}",
            va="top", size=9, weight="bold" if is_right is False else "normal",
            color=_WRONG_COLOUR if is_right is False else "black",
        )  # fmt: skip
    body = top + 3 * _LINE + 0.05
    axes = page.axes(text_left, body, _ANSWER_SIDE, _ANSWER_SIDE)
    _show(axes, answer.image)
    if wrong:
        axes.spines[:].set(color=_WRONG_COLOUR, linewidth=3, linestyle=(0, (3, 1.5)))
    _draw_bars(page, text_left + _ANSWER_SIDE, body, right, answer)


def _draw_bars(
    page: Page, left: float, top: float, right: float, answer: Answer
) -> None:
    """Draws a pair of bars for each of the likeliest classes, teacher's above."""
    classes = answer.top(_TOP)
    names = [shortened(answer.class_names[class_], 16) for class_ in classes]
    names_width = 0.25 + 0.075 * max(map(len, names))
    percent_width = 0.45
    axes = page.axes(
        left + names_width,
        top,
        right - left - names_width - percent_width,
        _ANSWER_SIDE,
    )
    axes.set_xlim(0, 1)
    axes.set_ylim(_TOP - 0.5, -0.5)
    axes.set_axis_off()
    axes.plot([0, 0], [-0.5, len(classes) - 0.5], color=_FRAME_COLOUR, linewidth=1)
    for place, (class_, name) in enumerate(zip(classes, names, strict=True)):
        axes.text(
            -0.04, place, name, ha="right", va="center", size=8.5, parse_math=False
        )
        for offset, probs, style in (
            (-0.2, answer.teacher, _TEACHER_BAR),
            (0.2, answer.student, _STUDENT_BAR),
        ):
            share = float(probs[class_])
            axes.barh(place + offset, share, height=0.36, **style)
            axes.text(
                share + 0.03, place + offset, percent(share), va="center", size=6.5
            )


_TEACHER_BAR: dict[str, Any] = {"facecolor": _TEACHER_COLOUR}
_STUDENT_BAR: dict[str, Any] = {
    "facecolor": _STUDENT_COLOUR,
    "edgecolor": "#7a5400",  # of the hatching, too
    "hatch": "/////",
    "linewidth": 0.5,
}


def _model_legend() -> list[Patch]:
    return [
        Patch(label="teacher", **_TEACHER_BAR),
        Patch(label="student", **_STUDENT_BAR),
    ]

"""The command `distill predict`: what teacher and student say of some images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.prediction import image_files
from tfx_distill.pipeline.prediction.answers import Answer, summary
from tfx_distill.pipeline.prediction.image_files import ImageFile
from tfx_distill.trainer.errors import DistillError, ModelError

if TYPE_CHECKING:
    from tfx_distill.trainer.data.data_spec import DataSpec
    from tfx_distill.trainer.export.saved_model import Predictor


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Images:
    """Images to ask about.

    Attributes:
        title: Where they are from.
        names: One for each.
        images: uint8 `(count, height, width, channels)` in 0–255.
        labels: int `(count,)`; None for files.
        spec: The data set that they are of; None for files.
    """

    title: str
    names: list[str]
    images: np.ndarray
    labels: np.ndarray | None = None
    spec: DataSpec | None = None


def answer(
    config: PipelineConfig,
    *,
    files: Sequence[str],
    split: str,
    indices: Sequence[int],
    teacher_dir: str | None,
    student_dir: str | None,
    png: str | None,
    resize: bool,
    console: Console,
    as_json: bool,
    notices: Console | None = None,
) -> None:
    """Prints both models' answers, and draws them as a picture.

    Args:
        config: Says which data set, and where the pipeline's models are.
        files: Image files to ask about; empty: images of a split.
        split: `train`, `eval` or `test`; used without files.
        indices: Positions in the split, from 0; used without files.
        teacher_dir: SavedModel; None: the teacher of the newest student.
        student_dir: SavedModel; None: the newest student.
        png: File for the picture; None: no picture.
        resize: Whether files of another size are fitted to the models' size.
        console: For the answers.
        as_json: Print a JSON list of `Answer.as_dict` instead.
        notices: For what else there is to say; None: stderr.

    Raises:
        DistillError: If an image or a model cannot be had, or they do not fit.
    """
    if resize and not files:
        raise DistillError(
            "--resize is for image files; a data set's images have data.image_shape. "
            "Give files, or leave --resize out."
        )
    if png is not None:
        from tfx_distill.pipeline.prediction import png_grids, png_page

        png_page.check_path(png)
        png_grids.check_count(len(files or indices))
    notices = notices or Console(stderr=True)
    opened = [image_files.load(path) for path in files]
    teacher_dir, student_dir = _model_dirs(config, teacher_dir, student_dir)
    if files:
        asked = _of_files(opened, student_dir, resize, notices)
    else:
        asked = _of_split(config, split, indices)
    answers = _answers(asked, teacher_dir, student_dir)
    if as_json:
        found = [answer.as_dict() for answer in answers]
        console.out(json.dumps(found, indent=2), highlight=False)
    else:
        _print(console, asked.title, answers)
    if png is not None:
        _draw(asked, answers, png)
        _notice(notices, f"Picture: {png}")


def _model_dirs(
    config: PipelineConfig, teacher_dir: str | None, student_dir: str | None
) -> tuple[str, str]:
    if teacher_dir is None or student_dir is None:
        from tfx_distill.pipeline.mlmd import metadata

        newest_teacher, newest_student = metadata.latest_models(config)
        teacher_dir = newest_teacher if teacher_dir is None else teacher_dir
        student_dir = newest_student if student_dir is None else student_dir
    return teacher_dir, student_dir


def _of_files(
    files: Sequence[ImageFile], student_dir: str, resize: bool, notices: Console
) -> _Images:
    from tfx_distill.trainer.export import saved_model, saved_model_files

    card = saved_model_files.read_card(student_dir)
    shape: tuple[int, ...] = (
        card.spec.image_shape
        if card
        else saved_model.Predictor(student_dir).image_shape
    )
    images = []
    for file in files:
        image, notes = image_files.pixels(file, shape, resize=resize)
        images.append(image)
        for note in notes:
            _notice(notices, note)
    number = "1 image file" if len(files) == 1 else f"{len(files)} image files"
    trained = f" (student trained on {card.spec.dataset})" if card else ""
    return _Images(
        title=number + trained,
        names=[file.path for file in files],
        images=np.stack(images),
    )


def _of_split(config: PipelineConfig, split: str, indices: Sequence[int]) -> _Images:
    from tfx_distill.pipeline.prediction import dataset_images

    opened = dataset_images.open_split(config.data, split)
    images, labels = opened.read(indices)
    return _Images(
        title=f"{opened.spec.dataset} {opened.spec.version}, split {split}",
        names=[f"{split}[{index}]" for index in indices],
        images=images,
        labels=labels,
        spec=opened.spec,
    )


def _answers(asked: _Images, teacher_dir: str, student_dir: str) -> list[Answer]:
    from tfx_distill.trainer.export.saved_model import Predictor

    teacher, student = Predictor(teacher_dir), Predictor(student_dir)
    class_names = _class_names(teacher, student)
    for role, model, folder in (
        ("Teacher", teacher, teacher_dir), ("Student", student, student_dir),
    ):  # fmt: skip
        _check_fits(f"{role} in {folder}", model, asked, class_names)
    probabilities = []
    for model, folder in ((teacher, teacher_dir), (student, student_dir)):
        probs = model.predict(asked.images)["probabilities"]
        if not np.isfinite(probs).all():
            raise ModelError(
                f"Model in {folder} answers with values that are no numbers. Its "
                "training diverged: train it again with a lower learning_rate."
            )
        probabilities.append(probs)
    return [
        Answer(
            name=name,
            image=asked.images[row],
            label=None if asked.labels is None else int(asked.labels[row]),
            teacher=probabilities[0][row],
            student=probabilities[1][row],
            class_names=asked.spec.class_names if asked.spec else class_names,
        )
        for row, name in enumerate(asked.names)
    ]


def _class_names(teacher: Predictor, student: Predictor) -> tuple[str, ...]:
    numbers = tuple(str(class_) for class_ in range(student.num_classes))
    return student.class_names or teacher.class_names or numbers


def _check_fits(
    which: str, model: Predictor, asked: _Images, class_names: tuple[str, ...]
) -> None:
    """Checks a model against the data set, or against the other model."""
    shape = tuple(asked.images.shape[1:])
    expected = asked.spec.class_names if asked.spec else class_names
    there = f"data set {asked.spec.dataset}" if asked.spec else "the student"
    advice = "Give --teacher and --student that were trained on the same data set."
    if model.image_shape != shape:
        raise ModelError(
            f"{which} takes images of shape {model.image_shape}, {there} has {shape}. "
            f"{advice}"
        )
    if model.num_classes != len(expected):
        raise ModelError(
            f"{which} predicts {model.num_classes} classes, {there} has "
            f"{len(expected)}. {advice}"
        )
    if model.class_names and model.class_names != expected:
        raise ModelError(
            f"{which} names its classes {_some(model.class_names)}, {there} "
            f"{_some(expected)}. {advice}"
        )


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")


def _print(console: Console, title: str, answers: list[Answer]) -> None:
    from tfx_distill.pipeline.prediction import terminal_pictures

    console.print(title, style="bold", markup=False, highlight=False)
    for each in answers:
        console.print(terminal_pictures.AnswerView(each))
    console.print(summary(answers), markup=False, highlight=False)


def _draw(asked: _Images, answers: list[Answer], png: str) -> None:
    from tfx_distill.pipeline.prediction import png_grids

    png_grids.answers_grid(
        asked.images,
        asked.labels,
        np.stack([answer.teacher for answer in answers]),
        np.stack([answer.student for answer in answers]),
        answers[0].class_names,
        f"Teacher and student on {asked.title}",
        png,
        names=asked.names,
    )


def _notice(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)

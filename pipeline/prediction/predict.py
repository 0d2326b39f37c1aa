"""The command `distill predict`: the models' predictions for some images."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from rich.console import Console

from tfx_distill.pipeline.config.schema import PipelineConfig
from tfx_distill.pipeline.prediction import image_files
from tfx_distill.pipeline.prediction.image_files import ImageFile
from tfx_distill.pipeline.prediction.image_predictions import (
    ImagePredictions,
    summary,
)
from tfx_distill.trainer.errors import DistillError, ModelError

if TYPE_CHECKING:
    from tfx_distill.trainer.data.data_spec import DataSpec
    from tfx_distill.trainer.export.saved_model import Predictor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Request:
    """What `distill predict` was asked for.

    Attributes:
        files: Image files to classify; empty: images of a split.
        split: `train`, `eval` or `test`; used without files.
        indices: In the split, from 0; None: the first five; used without files.
        teacher_dir: SavedModel; None: the teacher of the newest student, if it has one.
        student_dir: SavedModel; None: the newest student.
        png: File for the picture; None: no picture.
        resize: Fit files of another size, even if the models take their own alone.
        as_json: Print a JSON list of `ImagePredictions.as_dict`, and no images.
    """

    files: Sequence[str] = ()
    split: str = "test"
    indices: Sequence[int] | None = None
    teacher_dir: str | None = None
    student_dir: str | None = None
    png: str | None = None
    resize: bool = False
    as_json: bool = False


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Images:
    """The images to classify.

    Attributes:
        title: Their source.
        names: One for each.
        images: uint8 `(count, height, width, channels)` in 0–255.
        labels: int `(count,)`; None for files.
        spec: Their data set; None for files.
    """

    title: str
    names: list[str]
    images: np.ndarray
    labels: np.ndarray | None = None
    spec: DataSpec | None = None


def show(
    config: PipelineConfig, request: Request, console: Console, notices: Console
) -> None:
    """Prints the models' predictions, and draws them as a picture.

    Args:
        config: Names the data set and the folder of the pipeline's models.
        request: What to classify, and what to write.
        console: For the predictions.
        notices: For all other messages.

    Raises:
        DistillError: If an image or a model is unavailable, or they do not fit together.
    """
    _check(request)
    images, folders = _loaded(config, request, notices)
    predictions = _predictions(images, *folders)
    if request.as_json:
        found = [one.as_dict() for one in predictions]
        console.out(json.dumps(found, indent=2), highlight=False)
    else:
        _print(console, images.title, predictions)
    if request.png is not None:
        from tfx_distill.pipeline.prediction import png_grids

        roles = " and ".join(role for role, *_ in predictions[0].models)
        title = f"{roles.capitalize()} on {images.title}"
        png_grids.predictions_grid(predictions, title, request.png)
        _notice(notices, f"Picture: {request.png}")


def _check(request: Request) -> None:
    """Checks what can be checked before anything is loaded."""
    if request.resize and not request.files:
        raise DistillError(
            "--resize applies to image files; a data set's images have data.image_shape. "
            "Give files, or leave --resize out."
        )
    if request.png is not None:
        from tfx_distill.pipeline.prediction import png_grids

        png_grids.check(len(request.files or _indices(request)), request.png)


def _indices(request: Request) -> Sequence[int]:
    return range(5) if request.indices is None else request.indices


def _loaded(
    config: PipelineConfig, request: Request, notices: Console
) -> tuple[_Images, tuple[str | None, str]]:
    """The images, and the folders of teacher, if it has a model, and student."""
    opened = [image_files.load(path) for path in request.files]
    folders = _model_dirs(config, request.teacher_dir, request.student_dir)
    if opened:
        return _of_files(opened, folders[1], request.resize, notices), folders
    return _of_split(config, request.split, _indices(request)), folders


def _model_dirs(
    config: PipelineConfig, teacher_dir: str | None, student_dir: str | None
) -> tuple[str | None, str]:
    if teacher_dir is None or student_dir is None:
        from tfx_distill.pipeline.mlmd import tested_models

        newest_teacher, newest_student = tested_models.latest(config)
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
    fit = (card.spec.fit if card else None) or ("crop" if resize else None)
    images = []
    for file in files:
        image, notes = image_files.pixels(file, shape, fit)
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
        title=opened.title,
        names=[f"{split}[{index}]" for index in indices],
        images=images,
        labels=labels,
        spec=opened.spec,
    )


def _predictions(
    images: _Images, teacher_dir: str | None, student_dir: str
) -> list[ImagePredictions]:
    from tfx_distill.trainer.export.saved_model import Predictor

    folders = {"Teacher": teacher_dir, "Student": student_dir}
    models = {role: (f, Predictor(f)) for role, f in folders.items() if f is not None}
    class_names = _class_names([model for _, model in models.values()])
    for role, (folder, model) in models.items():
        _check_fits(f"{role} in {folder}", model, images, class_names)
    probabilities = {}
    for role, (folder, model) in models.items():
        probs = model.predict(images.images)["probabilities"]
        if not np.isfinite(probs).all():
            raise ModelError(
                f"Model in {folder} predicts values that are not numbers. Its "
                "training diverged: train it again with a lower learning_rate."
            )
        probabilities[role] = probs
    return [
        ImagePredictions(
            name=name,
            image=images.images[row],
            label=None if images.labels is None else int(images.labels[row]),
            teacher=probabilities["Teacher"][row] if "Teacher" in models else None,
            student=probabilities["Student"][row],
            class_names=images.spec.class_names if images.spec else class_names,
        )
        for row, name in enumerate(images.names)
    ]


def _class_names(models: Sequence[Predictor]) -> tuple[str, ...]:
    """The last model's that has some: the student's rather than the teacher's."""
    numbers = tuple(str(class_) for class_ in range(models[-1].num_classes))
    named = [model.class_names for model in models if model.class_names]
    return named[-1] if named else numbers


def _check_fits(
    which: str, model: Predictor, images: _Images, class_names: tuple[str, ...]
) -> None:
    """Checks a model against the data set, or against the other model."""
    shape = tuple(images.images.shape[1:])
    expected = images.spec.class_names if images.spec else class_names
    there = f"data set {images.spec.dataset}" if images.spec else "the student"
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


def _print(console: Console, title: str, predictions: list[ImagePredictions]) -> None:
    from tfx_distill.pipeline.prediction import terminal_pictures

    console.print(title, style="bold", markup=False, highlight=False)
    for one in predictions:
        console.print(terminal_pictures.PredictionsView(one))
    console.print(summary(predictions), markup=False, highlight=False)


def _notice(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)

"""Tries everything that will be done with a model, on eight images, before training.

A model that cannot be exported, served, converted or built again shall be refused in
seconds, not after hours of training. The steps are those of the real training and
export; only the images are noise, and their labels and teacher logits arbitrary.
"""

from __future__ import annotations

import functools
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import (
    StudentConfig,
    TeacherConfig,
    TrainingConfig,
)
from tfx_distill.trainer.data.batches import DistillationData
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation import answer_checks, training
from tfx_distill.trainer.errors import DistillError, ModelError, first_line
from tfx_distill.trainer.export import keras_files, lite, saved_model, signatures
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, subtask

NUM_IMAGES = 8
_FEATURE_WIDTH = 2  # of a teacher's feature; any will do
# More than there are, so that Keras runs one step in a call: several take it longer.
_BATCH_SIZE = 10**6

_passed: set[str] = set()  # what this process has tried already


def check_teacher(
    config: TeacherConfig, spec: DataSpec, feature_layers: Sequence[str] = ()
) -> None:
    """Refuses a teacher's function that would fail later.

    Args:
        config: The teacher's recipe.
        spec: Image shape and classes.
        feature_layers: Layers whose features students learn.

    Raises:
        ModelError: In one line, with what to do.
    """
    split = _split(spec)
    small = config.replace(epochs=1, batch_size=_BATCH_SIZE)

    def train() -> training.Trained:
        return training.train_teacher(split, split, spec, small)

    def look(folder: str, model: keras.Model) -> None:
        Teachers([folder], feature_layers=feature_layers).predict(_noise(spec))

    _once(config, spec, train, look, feature_layers)


def check_student(
    config: StudentConfig,
    distillation: DistillationConfig,
    spec: DataSpec,
    flavours: Sequence[str] = (),
) -> None:
    """Refuses a student's function that would fail later.

    Args:
        config: The student's recipe.
        distillation: Its features, and nothing else, change what is tried.
        spec: Image shape and classes.
        flavours: LiteRT formats that the student will be converted to.

    Raises:
        ModelError: In one line, with what to do.
    """
    split = _split(spec)
    aware = min(1, config.quantization_aware_epochs)
    small = config.replace(
        epochs=1 + aware,
        quantization_aware_epochs=aware,
        batch_size=_BATCH_SIZE,
        views=None,
    )
    widths = [_FEATURE_WIDTH] * len(distillation.features)
    data = _distillation_data(split, spec.num_classes + sum(widths))

    def train() -> training.Trained:
        return training.train_student(
            data, data, spec, small, distillation, feature_widths=widths
        )

    def look(folder: str, model: keras.Model) -> None:
        _convert(config.model, folder, model, flavours, spec)

    layers = [pair.student for pair in distillation.features]
    _once(config, spec, train, look, [aware, layers, list(flavours)])


def _noise(spec: DataSpec) -> np.ndarray:
    shape = (NUM_IMAGES, *spec.image_shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _split(spec: DataSpec) -> Split:
    labels = np.arange(NUM_IMAGES, dtype=np.int32) % spec.num_classes
    return Split(_noise(spec), labels)


def _distillation_data(split: Split, width: int) -> DistillationData:
    logits = np.random.default_rng(1).normal(size=(NUM_IMAGES, 1, width))
    return DistillationData(split, logits.astype(np.float32), ViewsConfig(count=1))


def _once(
    config: TrainingConfig,
    spec: DataSpec,
    train: Callable[[], training.Trained],
    look: Callable[[str, keras.Model], None],
    extra: Sequence[object],
) -> None:
    """Tries a model unless this process has tried the same."""
    # Imported in this thread: what a module sets for Keras holds for the training.
    source = architectures.source(config.model, config.options)
    key = repr((type(config), source, spec.image_shape, spec.num_classes, extra))
    if key in _passed:
        return
    with subtask(functools.partial(_as_trial, config.model)):
        _apart(functools.partial(_try, config, spec, train, look))
    _passed.add(key)


def _as_trial(path: str, progress: Progress) -> Progress:
    total = progress.total
    return Progress(f"trying {path}", progress.done, total, f"{NUM_IMAGES} images")


def _apart(work: Callable[[], None]) -> None:
    """Works in a thread, where Keras counts the names of layers from the beginning.

    Otherwise `conv2d` of the trained model would become `conv2d_1`, and its features
    could not be found by the names that the model has on its own.
    """
    policy = keras.config.dtype_policy()

    def alike() -> None:
        keras.config.set_dtype_policy(policy)
        work()

    with ThreadPoolExecutor(1) as pool:
        pool.submit(alike).result()


def _try(
    config: TrainingConfig,
    spec: DataSpec,
    train: Callable[[], training.Trained],
    look: Callable[[str, keras.Model], None],
) -> None:
    images = _noise(spec)
    try:
        keras.utils.set_random_seed(config.seed)
        fresh = architectures.build(
            config.model, spec.image_shape, spec.num_classes, config.options
        )
        answer_checks.require_logits(fresh, images, config.model)
        with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
            model = train().model
            _export_and_serve(config, spec, model, images, folder)
            look(folder, model)
    except DistillError:
        raise
    except Exception as error:  # whatever a user's layers raise
        raise ModelError(
            f"{config.model} cannot be trained and exported: {first_line(error)} "
            "Nothing was trained. Change that function."
        ) from error


def _export_and_serve(
    config: TrainingConfig,
    spec: DataSpec,
    model: keras.Model,
    images: np.ndarray,
    folder: str,
) -> None:
    """Writes a model and requires the same answers of all that is read back."""
    source = architectures.source(config.model, config.options)
    card = saved_model.save(
        model, folder, role="trial", spec=spec, config={}, history={}, seconds=0.0,
        source=source,
    )  # fmt: skip
    expected = answer_checks.answers(model, images)
    rebuilt = keras_files.rebuild(folder, card)
    for what, found in (
        ("built again from its weights", answer_checks.answers(rebuilt, images)),
        ("exported", saved_model.Predictor(folder).logits(images)),
        ("served PNG files", _served(folder, images, spec)),
    ):
        answer_checks.require_same(config.model, what, expected, found, model)


def _served(folder: str, images: np.ndarray, spec: DataSpec) -> np.ndarray:
    """Answers of the signature that servers call, float32 `(num_images, classes)`."""
    serve = tf.saved_model.load(folder)
    examples = tf.constant(list(_examples(images, spec)))
    answer = serve.signatures[signatures.SERVING_DEFAULT](examples=examples)
    return answer["logits"].numpy()


def _examples(images: np.ndarray, spec: DataSpec) -> Iterator[bytes]:
    for image in images:
        example = tf.train.Example()
        feature = example.features.feature[spec.image_feature]
        feature.bytes_list.value.append(tf.io.encode_png(image).numpy())
        yield example.SerializeToString()


def _convert(
    path: str, folder: str, model: keras.Model, flavours: Sequence[str], spec: DataSpec
) -> None:
    """Converts a model to LiteRT; int8 is rounded, and only has to answer."""
    images = _noise(spec)
    expected = answer_checks.answers(model, images)
    for flavour in flavours:
        content = lite.convert(folder, flavour, images, spec.class_names)
        found = lite.LitePredictor(content).predict(images)["logits"]
        if flavour != lite.INT8:
            what = f"converted to the LiteRT flavour {flavour}"
            answer_checks.require_same(path, what, expected, found, model)

"""Tries everything that will be done with a model, on eight images, before training.

A model that cannot be exported, served, converted or built again shall be refused in
a second, not after hours of training. The steps are the real ones, the data noise.
"""

from __future__ import annotations

import dataclasses
import functools
import tempfile
from collections.abc import Callable, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer import model_faults, timeline
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
from tfx_distill.trainer.distillation import answer_checks, precision, training
from tfx_distill.trainer.errors import DistillError, ModelError, first_line
from tfx_distill.trainer.export import keras_files, lite, saved_model, signatures
from tfx_distill.trainer.models import architectures, opened_files
from tfx_distill.trainer.models.teachers import Teachers
from tfx_distill.trainer.progress import Progress, subtask

NUM_IMAGES = 8
_FEATURE_WIDTH = 2  # of a teacher's feature; any will do
# More than there are, so that Keras runs one step in a call: several take it longer.
_BATCH_SIZE = 10**6

# The models that this process has tried, each with the LiteRT flavours or features.
_passed: dict[str, set[str]] = {}


@dataclasses.dataclass(frozen=True)
class _Exported:
    """A trained model that was written and loaded.

    Attributes:
        path: Dotted path of its function, for messages.
        folder: Of its SavedModel.
        loaded: What `tf.saved_model.load` makes of that.
        model: The model itself.
        images: uint8 `(num_images, height, width, channels)`.
        logits: Its answers to them, float32 `(num_images, num_classes)`.
    """

    path: str
    folder: str
    loaded: Any
    model: keras.Model
    images: np.ndarray
    logits: np.ndarray

    def require_same(self, what: str, found: np.ndarray) -> None:
        answer_checks.require_same(self.path, what, self.logits, found, self.model)


_Look = Callable[[_Exported], None]


@timeline.part("checking")
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
        return training.train_teacher(split, split, spec, small, is_trial=True)

    def look(exported: _Exported) -> None:
        if feature_layers:
            teachers = Teachers([exported.folder], feature_layers=feature_layers)
            teachers.predict(exported.images)

    _once(config, spec, train, look, [], feature_layers)


@timeline.part("checking")
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
        epochs=1 + aware, quantization_aware_epochs=aware,
        batch_size=_BATCH_SIZE, views=None,
    )  # fmt: skip
    widths = [_FEATURE_WIDTH] * len(distillation.features)
    data = _distillation_data(split, spec.num_classes + sum(widths))

    def train() -> training.Trained:
        return training.train_student(
            data, data, spec, small, distillation,
            feature_widths=widths, is_trial=True,
        )  # fmt: skip

    def look(exported: _Exported) -> None:
        for flavour in flavours:
            _convert(exported, flavour, spec)

    layers = [pair.student for pair in distillation.features]
    _once(config, spec, train, look, [aware, layers], flavours)


def _noise(spec: DataSpec) -> np.ndarray:
    shape = (NUM_IMAGES, *spec.image_shape)
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


def _split(spec: DataSpec) -> Split:
    labels = np.arange(NUM_IMAGES, dtype=np.int32) % spec.num_classes
    return Split(_noise(spec), labels)


def _distillation_data(split: Split, width: int) -> DistillationData:
    logits = np.random.default_rng(1).normal(size=(NUM_IMAGES, width))
    views = ViewsConfig(count=1)
    return DistillationData(split, lambda images: logits[: len(images)], views)


def _once(
    config: TrainingConfig,
    spec: DataSpec,
    train: Callable[[], training.Trained],
    look: _Look,
    training_key: Sequence[object],
    looked_at: Sequence[str],
) -> None:
    """Tries a model unless this process has tried the same, and as much."""
    # Imported in this thread: what a module sets for Keras holds for the training.
    source = architectures.source(config.model, config.options)
    shape = (spec.image_shape, spec.num_classes)
    files = config.files, architectures.recipe_digest(config)
    recipe = (
        config.optimizer, config.class_weight, config.augmentation, config.precision,
    )  # fmt: skip
    key = repr((type(config), source, files, shape, recipe, training_key))
    if key in _passed and _passed[key].issuperset(looked_at):
        return
    with subtask(functools.partial(_as_trial, config.model)):
        precision.apart(functools.partial(_try, config, spec, train, look))
    _passed.setdefault(key, set()).update(looked_at)


def _as_trial(path: str, progress: Progress) -> Progress:
    total = progress.total
    return Progress(f"trying {path}", progress.done, total, f"{NUM_IMAGES} images")


def _try(
    config: TrainingConfig,
    spec: DataSpec,
    train: Callable[[], training.Trained],
    look: _Look,
) -> None:
    images = _noise(spec)
    try:
        other = precision.apart(functools.partial(_other_model, config, spec))
        answer_checks.require_logits(other, images, config.model)
        model = train().model
        _require_graph(model)
        with tempfile.TemporaryDirectory(prefix="dry-run-") as folder:
            exported = _export(config, spec, model, images, folder)
            _require_same_answers(exported, other, spec)
            look(exported)
    except Exception as error:  # whatever a user's layers raise
        if isinstance(error, DistillError) or model_faults.is_machine_fault(error):
            raise
        raise ModelError(
            f"{config.model} cannot be trained and exported: {first_line(error)} "
            "Nothing was trained. Change that function."
        ) from error


def _other_model(config: TrainingConfig, spec: DataSpec) -> keras.Model:
    """A model with another seed, so that all differs that its function draws."""
    keras.utils.set_random_seed(config.seed + 1)
    with opened_files.recorded() as opened:
        model = architectures.build(
            config.model, spec.image_shape, spec.num_classes, config.options
        )
    opened_files.require_declared(opened, config)
    return model


def _require_graph(model: keras.Model) -> None:
    """Raises what the layers raise in the graph of a training."""
    pixels = tf.TensorSpec(model.input.shape, model.input.dtype)
    graph = tf.function(lambda images: model(images, training=True))
    graph.get_concrete_function(pixels)


def _export(
    config: TrainingConfig,
    spec: DataSpec,
    model: keras.Model,
    images: np.ndarray,
    folder: str,
) -> _Exported:
    source = architectures.source(config.model, config.options)
    saved_model.save(
        model, folder, role="trial", spec=spec, config={}, history={}, seconds=0.0,
        source=source,
    )  # fmt: skip
    logits = answer_checks.answers(model, images)
    loaded = tf.saved_model.load(folder)
    return _Exported(config.model, folder, loaded, model, images, logits)


def _require_same_answers(
    exported: _Exported, other: keras.Model, spec: DataSpec
) -> None:
    """Requires the same answers of all that is read back.

    Args:
        exported: The trained model.
        other: A model of the same function; gets the weights.
        spec: The data.
    """
    images, served = exported.images, exported.loaded.signatures
    keras_files.load_weights(other, exported.folder)
    rebuilt = answer_checks.answers(other, images)
    exported.require_same("built again from its weights", rebuilt)
    answer = served[signatures.PREDICT_IMAGES](images=tf.constant(images))
    exported.require_same("exported", answer["logits"].numpy())
    files = [tf.io.encode_png(image).numpy() for image in images]
    answer = served[signatures.PREDICT_FILES](image_bytes=tf.constant(files))
    exported.require_same("served PNG files", answer["logits"].numpy())
    examples = [_example(file, spec.image_feature) for file in files]
    answer = served[signatures.SERVING_DEFAULT](examples=tf.constant(examples))
    exported.require_same("served PNG files in examples", answer["logits"].numpy())


def _example(file: bytes, feature: str) -> bytes:
    example = tf.train.Example()
    example.features.feature[feature].bytes_list.value.append(file)
    return example.SerializeToString()


def _convert(exported: _Exported, flavour: str, spec: DataSpec) -> None:
    """Converts a model to LiteRT; int8 is rounded, and only has to answer."""
    images = exported.images
    content = lite.convert(exported.loaded, flavour, images, spec.class_names)
    found = lite.LitePredictor(content).predict(images)["logits"]
    if flavour != lite.INT8:
        exported.require_same(f"converted to the LiteRT flavour {flavour}", found)

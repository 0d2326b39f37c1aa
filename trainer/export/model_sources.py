"""Models that exist already, opened as what `tf.saved_model.load` returns.

A `.keras` file or a function with its weights becomes an object with one signature, so
that everything behind it knows SavedModels alone.
"""

from __future__ import annotations

import dataclasses
import importlib
import itertools
import math
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer import file_system, model_faults
from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import ModelError, first_line
from tfx_distill.trainer.export import pixel_scaling, saved_model_files, signatures
from tfx_distill.trainer.export.saved_model import load_saved_model

KERAS_SUFFIX = ".keras"
_SAVED_MODEL = "saved_model.pb"
_SERVING_DIR = "Format-Serving"  # of a Model artifact's SavedModel, as TFX names it
_IMAGES = "images"
_HUB = "keras_hub"


@dataclasses.dataclass(frozen=True, kw_only=True)
class ModelSource:
    """A model as it was found.

    Attributes:
        loaded: An object with `signatures`, as of a SavedModel.
        where: Its file, folder or function, for messages.
        class_names: In the order of its outputs, if it says them itself.
        pixel_range: What its origin says of the pixels that it takes; None: nothing.
        reason: Why, as the end of a sentence.
    """

    loaded: Any
    where: str
    class_names: tuple[str, ...] = ()
    pixel_range: str | None = None
    reason: str = ""

    def image_input(self, config: ImportedConfig) -> tf.TensorSpec | None:
        """The input of images that will be called; None if it takes other things."""
        functions = self.loaded.signatures
        names = signatures.PREDICT_IMAGES, signatures.SERVING_DEFAULT, *functions
        for name in [config.signature] if config.signature else names:
            if name in functions:
                taken = list(functions[name].structured_input_signature[1].values())
                if len(taken) == 1:
                    return taken[0] if taken[0].dtype != tf.string else None
        return None

    def image_shape(
        self, config: ImportedConfig, spec: DataSpec
    ) -> tuple[tuple[int, int, int], bool]:
        """(height, width, channels) that it takes, and whether it takes other sizes."""
        taken = self.image_input(config)
        declared: Any = config.image_shape
        if taken is None or taken.shape.rank not in (2, 4):
            return declared or spec.image_shape, False
        if taken.shape.rank == 2:  # flattened
            return declared or _unflattened(taken.shape[1], spec), False
        own: Any = tuple(
            mine or given
            for mine, given in zip(taken.shape[1:], spec.image_shape, strict=True)
        )
        return declared or own, None in taken.shape[1:3]


def open_model(
    path: str, function: str, config: ImportedConfig, spec: DataSpec
) -> ModelSource:
    """Opens a model that exists already.

    Args:
        path: A `.keras` file, the folder of a SavedModel or of a Model artifact, or the
            weights of `function`.
        function: One of keras.applications or KerasHub; empty: `path` is the model.
        config: Options of the function, and the number of classes.
        spec: The data, whose shape a function builds for if `config` has none.

    Raises:
        ModelError: If there is none, or it needs code of its own: says what to do.
    """
    if function:
        return _built(function, path, config, spec)
    if not file_system.is_folder(path):
        return _of_keras_file(path)
    folder = path.rstrip("/")
    if not file_system.exists(os.path.join(folder, _SAVED_MODEL)):
        folder = os.path.join(folder, _SERVING_DIR)
    if not file_system.exists(os.path.join(folder, _SAVED_MODEL)):
        inside = ", ".join(file_system.names(path)[:9]) or "nothing"
        raise ModelError(
            f"Teacher in {path}: no {_SAVED_MODEL}, there is {inside}. Set teacher.from "
            "to a .keras file, or to the folder of a SavedModel or of one pushed version."
        )
    card = saved_model_files.read_card(folder)
    names = card.spec.class_names if card else ()
    return ModelSource(loaded=load_saved_model(folder), where=path, class_names=names)


def _unflattened(size: int | None, spec: DataSpec) -> tuple[int, int, int]:
    """The shape of flattened images: the data's, or square ones of that size."""
    for channels in (1, 3):
        side = math.isqrt((size or 0) // channels)
        if size != math.prod(spec.image_shape) and side * side * channels == size:
            return side, side, channels
    return spec.image_shape


def _of_keras_file(path: str) -> ModelSource:
    if not path.endswith(KERAS_SUFFIX):
        raise ModelError(
            f"Teacher in {path}: expected a {KERAS_SUFFIX} file or the folder of a "
            f"SavedModel. Load it where it was made, and save it with "
            f"model.save('teacher{KERAS_SUFFIX}') or model.export('teacher')."
        )
    if not file_system.exists(path):
        raise ModelError(f"Teacher in {path}: there is no such file.")
    try:
        with file_system.read_locally(path) as local:
            # Keras's safe mode is on: code inside of the file is not run.
            model = keras.models.load_model(local, compile=False)
    except Exception as error:  # whatever the file's layers raise
        if model_faults.is_machine_fault(error):
            raise
        raise ModelError(
            f"Teacher in {path} cannot be loaded without code that is not in Keras, or "
            f"that would be run from the file ({first_line(error)}) Load it where its "
            "code is known, save it with model.export('teacher'), and set teacher.from "
            "to that folder."
        ) from error
    return _of_keras(model, path)


def _of_keras(
    model: keras.Model, where: str, pixel_range: str | None = None, reason: str = ""
) -> ModelSource:
    layer = _scaling_layer(model)
    if layer and not pixel_range:
        pixel_range, reason = "0-255", f"its layer {layer} scales pixels"
    return ModelSource(
        loaded=_KerasSignature(model, where),
        where=where,
        pixel_range=pixel_range,
        reason=reason,
    )


def _scaling_layer(model: keras.Model) -> str:
    """Name of a layer that scales pixels before any other with weights; or empty."""
    kinds = keras.layers.Rescaling, keras.layers.Normalization
    layers = (
        one for one in model._flatten_layers() if not isinstance(one, keras.Model)
    )
    first = itertools.takewhile(lambda o: isinstance(o, kinds) or not o.weights, layers)
    return next((one.name for one in first if isinstance(one, kinds)), "")


class _KerasSignature(tf.Module):
    """A Keras model with the one signature that its export would have."""

    def __init__(self, model: keras.Model, where: str) -> None:
        super().__init__()
        inputs = getattr(model, "inputs", None) or []
        if len(inputs) != 1:
            raise ModelError(
                f"Teacher in {where} has {len(inputs)} inputs that are known, expected "
                "one of images. Save it with model.export('teacher'), and set "
                "teacher.from to that folder."
            )
        self._variables = [variable.value for variable in model.variables]
        taken = tf.TensorSpec(inputs[0].shape, inputs[0].dtype, name=_IMAGES)

        def serve(**given: tf.Tensor) -> dict[str, tf.Tensor]:
            return _named(model, model(given[_IMAGES], training=False))

        function = tf.function(serve).get_concrete_function(**{_IMAGES: taken})
        self.signatures = {signatures.SERVING_DEFAULT: function}


def _named(model: keras.Model, outputs: Any) -> dict[str, tf.Tensor]:
    if isinstance(outputs, Mapping):
        return dict(outputs)
    values = outputs if isinstance(outputs, list | tuple) else [outputs]
    names = getattr(model, "output_names", None)  # a Sequential one has none
    names = names or [f"output_{number}" for number in range(len(values))]
    return dict(zip(names, values, strict=True))


def _built(
    function: str, weights: str, config: ImportedConfig, spec: DataSpec
) -> ModelSource:
    """A model of keras.applications or KerasHub, with its weights."""
    build = _resolved(function)
    options = dict(config.options)
    if not function.startswith(_HUB):
        shape = config.image_shape or spec.image_shape
        options = {"weights": None, "input_shape": tuple(shape), **options}
        if not config.mapping or config.classes:
            options.setdefault("classes", len(config.classes or spec.class_names))
    try:
        model = build(**options)
        with file_system.read_locally(weights) as local:
            model.load_weights(local)
    except Exception as error:  # of any model of any version
        if model_faults.is_machine_fault(error):
            raise
        raise ModelError(
            f"Teacher {function} cannot be built with {options} and the weights in "
            f"{weights}: {first_line(error)} Set teacher.imported.options, image_shape "
            "and classes as when it was trained."
        ) from error
    known = _known_range(build)
    reason = f"as the preprocess_input of {function}" if known else ""
    return _of_keras(model, f"{function} with {weights}", known, reason)


def _resolved(function: str) -> Callable[..., keras.Model]:
    package, *names = function.split(".")
    try:
        found: Any = importlib.import_module(package)
    except ImportError as error:
        raise ModelError(
            f"Teacher {function}: KerasHub cannot be imported ({first_line(error)}) "
            "Install it: pip install keras-hub."
        ) from error
    for name in names:
        found = getattr(found, name, None)
    if not callable(found):
        raise ModelError(
            f"Teacher {function}: this version of {package} has no such function. "
            f"Set teacher.from to another, such as keras.applications.ResNet50."
        )
    return found  # type: ignore[no-any-return]


def _known_range(build: Callable[..., keras.Model]) -> str | None:
    """What the function's own `preprocess_input` does, found by trying it."""
    own = getattr(sys.modules[build.__module__], "preprocess_input", None)
    if own is None:
        return None
    probe = np.array([[[[0, 64, 255]]]], np.uint8)
    expected = own(probe.astype(np.float32))
    for name in pixel_scaling.PIXEL_RANGES:
        values = pixel_scaling.scaled(tf.constant(probe), name, None)
        if np.allclose(values, expected, atol=1e-3):
            return name
    return None

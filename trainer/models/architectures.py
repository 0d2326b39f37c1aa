"""Teacher and student architectures, built in or custom.

An architecture is a function `f(image_shape, num_classes)` that returns a
Keras model from float32 images `(batch, height, width, channels)` in [0, 1]
to float32 logits `(batch, num_classes)`. `build` adds the preprocessing, so that
every model of the pipeline takes raw uint8 pixels and no caller can scale images
differently, or forget to.
"""

from __future__ import annotations

import hashlib
import inspect
import pathlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import keras

from tfx_distill.trainer import file_system, model_faults, user_modules
from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.errors import ModelError, first_line
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.export.saved_model_files import Source

PREPROCESSING_LAYER = "scale_pixels"

Architecture = Callable[..., keras.Model]


def article_teacher(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Conv 32 – pool – Conv 64 – pool – Dense 128 – Dense; 225,034 parameters on MNIST."""
    return _convolutional("article_teacher", image_shape, num_classes, (32, 64), 128)


def teacher(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """The article's teacher with dropout before its last layer."""
    return _convolutional(
        "teacher", image_shape, num_classes, (32, 64), 128, dropout=0.3
    )


def article_student(image_shape: tuple[int, int, int], num_classes: int) -> keras.Model:
    """Conv 16 – pool – Dense 64 – Dense; 173,930 parameters on MNIST."""
    return _convolutional("article_student", image_shape, num_classes, (16,), 64)


def _convolutional(
    name: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int],
    units: int,
    dropout: float = 0.0,
) -> keras.Model:
    """3x3 convolutions with pooling, one wide dense layer, and logits."""
    layers = keras.layers
    model = keras.Sequential([keras.Input(image_shape)], name=name)
    for number, width in enumerate(widths, 1):
        model.add(layers.Conv2D(width, 3, activation="relu", name=f"conv_{number}"))
        model.add(layers.MaxPooling2D())
    model.add(layers.Flatten())
    model.add(layers.Dense(units, activation="relu", name="dense_1"))
    if dropout:
        model.add(layers.Dropout(dropout))
    model.add(layers.Dense(num_classes, dtype="float32", name="logits"))
    return model


def student(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int] = (8, 16, 32),
) -> keras.Model:
    """Conv 8 – Conv 16 – pool – Conv 32 – Dense; 8,954 parameters on MNIST.

    It has no wide dense layer, which holds 173,056 of the article's student's 173,930
    parameters. `widths` are the filters of the three convolutions. The first has a
    stride of 2; the second is normalized (arXiv:1502.03167) after pooling, where that
    costs little.
    """
    layers = keras.layers
    first, second, third = widths
    return keras.Sequential(
        [
            keras.Input(image_shape),
            layers.Conv2D(first, 5, strides=2, activation="relu", name="conv_1"),
            layers.Conv2D(second, 3, use_bias=False, name="conv_2"),
            layers.MaxPooling2D(),
            # With Keras's 0.99, the average lags far behind in a short training.
            layers.BatchNormalization(momentum=0.9),
            layers.Activation("relu"),
            layers.Conv2D(third, 3, activation="relu", name="conv_3"),
            layers.Flatten(),
            layers.Dense(num_classes, dtype="float32", name="logits"),
        ],
        name="student",
    )


def deep_student(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int] = (8, 12, 12, 16, 16, 18),
) -> keras.Model:
    """Six normalized convolutions, mean and maximum; 9,554 parameters on MNIST.

    Better than `student` after a long training, and slower to train. `widths` are
    the filters of its convolutions; pooling follows the first and the third.
    """
    return _deep(image_shape, num_classes, widths, dropout=0.0, name="deep_student")


def deep_teacher(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int] = (24, 36, 36, 48, 48, 54),
    dropout: float = 0.2,
) -> keras.Model:
    """`deep_student` three times as wide, with dropout; 81,346 parameters on MNIST."""
    return _deep(image_shape, num_classes, widths, dropout, name="deep_teacher")


def _deep(
    image_shape: tuple[int, int, int],
    num_classes: int,
    widths: Sequence[int],
    dropout: float,
    name: str,
) -> keras.Model:
    layers = keras.layers
    if len(widths) != 6:
        raise ValueError(f"widths has {len(widths)} numbers, expected 6.")
    x = inputs = keras.Input(image_shape)
    for number, width in enumerate(widths, 1):
        padding = "valid" if number == 1 else "same"
        x = _normalized(x, width, f"conv_{number}", padding, pool=number in (1, 3))
    x = layers.Dropout(dropout)(x) if dropout else x
    pooled = [layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)]
    logits = layers.Dense(num_classes, dtype="float32", name="logits")(
        layers.Concatenate()(pooled)
    )
    return keras.Model(inputs, logits, name=name)


def _normalized(x: Any, filters: int, name: str, padding: str, *, pool: bool) -> Any:
    """A 3x3 convolution, batch normalization (arXiv:1502.03167) and swish.

    Pooling comes before the normalization, which then has a quarter of the values.
    """
    layers = keras.layers
    x = layers.Conv2D(filters, 3, padding=padding, use_bias=False, name=name)(x)
    x = layers.MaxPooling2D()(x) if pool else x
    return layers.Activation("swish")(layers.BatchNormalization()(x))


def build(
    path: str,
    image_shape: tuple[int, int, int],
    num_classes: int,
    options: Mapping[str, Any] | None = None,
) -> keras.Model:
    """Builds the architecture at a dotted path, preprocessing included.

    Args:
        path: Dotted path of an architecture, such as `my_package.models.my_model`.
        image_shape: (height, width, channels) in pixels.
        num_classes: Number of classes, >= 2.
        options: Further keyword arguments of the function, such as `widths`.

    Returns:
        A Keras model from uint8 `(batch, height, width, channels)` in 0–255 to
        float32 logits `(batch, num_classes)`.

    Raises:
        ModelError: If the function does not exist or fails, or if its model does not
            take such images or return logits of this shape.
    """
    pixels = keras.Input(image_shape, dtype="uint8", name="images")
    scaled = keras.layers.Rescaling(1 / 255, name=PREPROCESSING_LAYER)(pixels)
    core, logits = _core(path, scaled, num_classes, options or {})
    model = keras.Model(pixels, logits, name=core.name)
    if model.output_shape != (None, num_classes):
        raise ModelError(
            f"{path} returns logits of shape {model.output_shape}, expected "
            f"(batch, {num_classes}). End with keras.layers.Dense(num_classes)."
        )
    return model


def _core(
    path: str, scaled: keras.KerasTensor, num_classes: int, options: Mapping[str, Any]
) -> tuple[keras.Model, keras.KerasTensor]:
    """The architecture's own model, and its logits for scaled images."""
    architecture = _import(path)
    image_shape = tuple(scaled.shape[1:])
    try:
        core = architecture(image_shape, num_classes, **options)
        logits = core(scaled) if isinstance(core, keras.Model) else None
    except Exception as error:  # whatever a user's function raises
        if model_faults.is_machine_fault(error):
            raise
        size = "x".join(map(str, image_shape))
        raise ModelError(
            f"{path} cannot build a model for {size} images and {num_classes} classes: "
            f"{first_line(error)} Choose an architecture that fits them."
        ) from error
    if logits is None:
        raise ModelError(
            f"{path} returned {type(core).__name__}, expected a Keras model. "
            "Return keras.Model or keras.Sequential."
        )
    return core, logits


def require_option(path: str, name: str) -> None:
    """Checks that the architecture at a dotted path takes an option.

    Raises:
        ModelError: If there is no such function, or no such argument.
    """
    parameters = inspect.signature(_import(path)).parameters
    takes_any = any(p.kind is p.VAR_KEYWORD for p in parameters.values())
    if name not in parameters and not takes_any:
        known = ", ".join(list(parameters)[2:]) or "none"
        raise ModelError(f"{path} has no option {name}. Its options: {known}.")


def source_digest(path: str) -> str:
    """SHA-256 of the file that holds the architecture at a dotted path.

    It is part of cache keys, so that changed code means another model.

    Raises:
        ModelError: If there is no such function.
    """
    module = inspect.getmodule(_import(path))
    file = getattr(module, "__file__", None)
    if file is None:
        return ""
    return hashlib.sha256(pathlib.Path(file).read_bytes()).hexdigest()


def code_digest(path: str, files: Sequence[str] = ()) -> str:
    """`source_digest`, or SHA-256 of it and of the files that the function reads.

    Raises:
        ModelError: If there is no such function, or no such file.
    """
    code = source_digest(path)
    if not files:
        return code
    digest = hashlib.sha256(code.encode())
    for file in files:
        if not file_system.exists(file):
            raise ModelError(
                f"{path} reads {file}, as files says, and there is no such file or "
                "folder. Correct student.files or teacher.files."
            )
        digest.update(saved_model_files.source_digest(file).encode())
    return digest.hexdigest()


def recipe_digest(config: TrainingConfig) -> str:
    """`code_digest` of a recipe's model, and of its functions for augmentation."""
    code = code_digest(config.model, config.files)
    own = [source_digest(step.name) for step in config.augmentation if step.is_function]
    return hashlib.sha256("".join([code, *own]).encode()).hexdigest() if own else code


def source(path: str, options: Mapping[str, Any] | None = None) -> Source:
    """What builds the same model again, for its card; errors as `source_digest`."""
    return Source(function=path, options=dict(options or {}), code=source_digest(path))


def all_layers(layer: keras.layers.Layer) -> Iterator[keras.layers.Layer]:
    """Yields a model or layer, and every layer inside it."""
    yield layer
    for inner in getattr(layer, "layers", ()):
        yield from all_layers(inner)


def _import(path: str) -> Architecture:
    module_name, _, name = path.rpartition(".")
    try:
        function = getattr(user_modules.load(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ModelError(
            f"No model function {path} ({error}). Give the dotted path of a function "
            "(image_shape, num_classes) -> Keras model that Python can import."
        ) from None
    if not callable(function):
        raise ModelError(
            f"{path} is not a function. Give one that returns a Keras model."
        )
    return function

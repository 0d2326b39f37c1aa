"""Models as SavedModels that do their own preprocessing, and their use."""

from __future__ import annotations

import platform
from collections.abc import Callable, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer import file_system, model_faults, timeline
from tfx_distill.trainer.config.examples_config import LOGITS, SignatureConfig
from tfx_distill.trainer.config.training_config import FLOAT32
from tfx_distill.trainer.data import memory_limit
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.streamed_arrays import StreamedImages
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import keras_files, signatures
from tfx_distill.trainer.export.model_adapter import AdaptedModel
from tfx_distill.trainer.export.saved_model_files import (
    ModelCard,
    Source,
    read_card,
    write_card,
)

_GRAPH_FILES = ("saved_model.pb", "saved_model.pbtxt")


@timeline.part("export")
def save(
    model: keras.Model,
    model_dir: str,
    *,
    role: str,
    spec: DataSpec,
    config: Mapping[str, Any],
    history: Mapping[str, list[float]],
    seconds: float,
    source: Source | None = None,
    precision: str = FLOAT32,
) -> ModelCard:
    """Writes a SavedModel as `signatures.save` does, and the model's card inside it.

    Args:
        model: From uint8 pixels to logits, as `models.build` makes it.
        model_dir: Folder to write, created when missing.
        role: See `ModelCard`.
        spec: The data it was trained on.
        config: What it was trained with, plain values.
        history: See `training.Trained`.
        seconds: Wall time of the training.
        source: What builds the model again, from `architectures.source`.
        precision: See `training.Trained`.
    """
    signatures.save(_Variables(model), model_dir, spec, _predict(model))
    card = ModelCard(
        role=role,
        spec=spec,
        num_parameters=model.count_params(),
        config=config,
        history=history,
        seconds=seconds,
        versions=versions(),
        source=source,
        precision=precision,
    )
    write_card(card, model_dir)
    keras_files.write(model, model_dir)
    return card


class _Variables(tf.Module):
    """The variables of a Keras model, each once.

    Keras tracks every variable under several names, and TensorFlow would save it under
    each.
    """

    def __init__(self, model: keras.Model) -> None:
        super().__init__()
        self._variables = [variable.value for variable in model.variables]


def _predict(model: keras.Model) -> Any:
    return lambda images: signatures.outputs(model(images, training=False))


class Predictor:
    """A SavedModel that is called with pixels.

    Attributes:
        image_shape: (height, width, channels) in pixels.
        num_classes: Number of logits.
        class_names: From the model's card; empty without one.
        output_values: What the model itself gives: `logits` or `probabilities`, which
            become logits by their logarithm.
        num_parameters: Number of weights; None if unknown.
        call: How another model is called; empty for one of this package's.
    """

    def __init__(
        self,
        model_dir: str,
        *,
        signature: SignatureConfig | None = None,
        spec: DataSpec | None = None,
        sample: Callable[[], np.ndarray] | None = None,
    ) -> None:
        """Loads a SavedModel: one with this package's signatures, or another.

        Args:
            model_dir: Its folder.
            signature: How another model is called, as far as it leaves doubt.
            spec: The examples that another model is for.
            sample: Reads some of their images, see `AdaptedModel`.

        Raises:
            ModelError: If it does not load, or has no fitting signature.
        """
        self._model_dir = model_dir
        self._loaded = load_saved_model(model_dir)
        self._adapted: AdaptedModel | None = None
        self.output_values: str = LOGITS
        self.call = ""
        card = read_card(model_dir)
        self.class_names: tuple[str, ...] = card.spec.class_names if card else ()
        self.num_parameters = card.num_parameters if card else None
        signature = signature or SignatureConfig()
        if signature == SignatureConfig() and _is_own(self._loaded):
            self._predict = self._loaded.signatures[signatures.PREDICT_IMAGES]
            images = self._predict.structured_input_signature[1]["images"]
            self.image_shape: tuple[int, ...] = tuple(images.shape[1:])
            self.num_classes: int = self._predict.structured_outputs["logits"].shape[-1]
        elif spec is None or sample is None or card is not None:
            raise _not_own(model_dir, self._loaded)
        else:
            self._adapt(
                AdaptedModel(self._loaded, model_dir, spec, signature, sample()), spec
            )

    def _adapt(self, adapted: AdaptedModel, spec: DataSpec) -> None:
        self._adapted = adapted
        self._predict = tf.function(adapted.predict)
        self.output_values = adapted.output_values
        self.call = adapted.call
        self.num_parameters = adapted.num_parameters
        self.image_shape = tuple(spec.image_shape)
        self.num_classes = adapted.interface.num_classes

    @property
    def is_adapted(self) -> bool:
        """Whether the model lacks this package's signatures."""
        return self._adapted is not None

    def save(self, model_dir: str) -> None:
        """Writes an adapted model with this package's signatures."""
        if self._adapted is None:
            raise ValueError("The model has these signatures already")
        self._adapted.save(model_dir)

    def predict(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Predicts the classes of images.

        Args:
            images: uint8 `(batch, height, width, channels)` in 0–255.

        Returns:
            `logits` and `probabilities`, float32 `(batch, num_classes)`, and
            `class`, int64 `(batch,)`.

        Raises:
            ModelError: If the model fails, or the images are not uint8 of its shape:
                scaled images would get confident nonsense.
        """
        if images.dtype != np.uint8 or images.shape[1:] != self.image_shape:
            raise ModelError(
                f"Images are {images.dtype} of shape {images.shape[1:]}, expected uint8 "
                f"0-255 of shape {self.image_shape}. Do not scale them: the model does."
            )
        given = tf.constant(images)
        with model_faults.raised_by(f"The model in {self._model_dir} fails"):
            outputs = self._predict(images=given)
            return {name: value.numpy() for name, value in outputs.items()}

    def logits(self, images: np.ndarray | StreamedImages) -> np.ndarray:
        """Logits of any number of images, batch by batch.

        Args:
            images: As for `predict`, at least one.

        Returns:
            float32 `(num_images, num_classes)`.
        """
        return self._in_batches(images, "logits")

    def classes(self, images: np.ndarray | StreamedImages) -> np.ndarray:
        """As `logits`: the classes, int64 `(num_images,)`."""
        return self._in_batches(images, "class")

    def probabilities(self, images: np.ndarray | StreamedImages) -> np.ndarray:
        """As `logits`: probabilities."""
        return self._in_batches(images, "probabilities")

    def _in_batches(
        self, images: np.ndarray | StreamedImages, output: str
    ) -> np.ndarray:
        step = memory_limit.batch_size(self.image_shape)
        starts = range(0, len(images), step)
        return np.concatenate(
            [self.predict(images[at : at + step])[output] for at in starts]
        )


def load_saved_model(model_dir: str) -> Any:
    """What `tf.saved_model.load` returns.

    Raises:
        ModelError: If it does not load.
    """
    what = f"No loadable model in {model_dir}"
    advice = "Give the folder of a SavedModel or of one pushed version."
    if not any(file_system.exists(f"{model_dir}/{name}") for name in _GRAPH_FILES):
        found = ", ".join(file_system.names(model_dir)[-9:]) or "nothing"
        raise ModelError(f"{what}: no saved_model.pb, there is {found}. {advice}")
    with (
        file_system.folder_read_locally(model_dir) as folder,
        model_faults.raised_by(what, advice),
    ):
        return tf.saved_model.load(folder)


def _is_own(loaded: Any) -> bool:
    """Whether a model has `predict_images` from images to logits."""
    function = getattr(loaded, "signatures", {}).get(signatures.PREDICT_IMAGES)
    return (
        function is not None
        and "images" in function.structured_input_signature[1]
        and "logits" in function.structured_outputs
    )


def _not_own(model_dir: str, loaded: Any) -> ModelError:
    return ModelError(
        f"Model in {model_dir} has the signatures "
        f"{sorted(getattr(loaded, 'signatures', {}))}, expected "
        f"{signatures.PREDICT_IMAGES} from images to logits. Export it with "
        "tfx_distill.trainer.export.saved_model.save."
    )


def versions() -> dict[str, str]:
    """Versions of Python and the libraries, for a model's card."""
    return {
        "python": platform.python_version(),
        "tensorflow": tf.__version__,
        "keras": keras.__version__,
        "numpy": np.__version__,
    }

"""The trained Keras model beside a SavedModel: Keras's own file, or its weights.

A model can always be built again from its function, the function's arguments and its
weights. So nothing depends on what Keras can write or load: layers that are not
registered, Lambda layers and subclassed models all work.
"""

from __future__ import annotations

import logging
import os

import keras

from tfx_distill.trainer import file_system, model_faults
from tfx_distill.trainer.errors import ModelError, first_line
from tfx_distill.trainer.export.saved_model_files import (
    KERAS_FILE,
    WEIGHTS_FILE,
    ModelCard,
    read_card,
)
from tfx_distill.trainer.models import architectures

logger = logging.getLogger(__name__)


def write(model: keras.Model, model_dir: str) -> None:
    """Writes `model.keras`, or `model.weights.h5` if Keras cannot describe the model.

    Args:
        model: As `architectures.build` makes it.
        model_dir: Folder of its SavedModel.
    """
    # Without the loss and metrics of its training, which are ours: plain Keras
    # loads it.
    plain = keras.Model(model.input, model.output, name=model.name)
    reason = _why_not_described(plain)
    name, save = KERAS_FILE, plain.save
    if reason:
        logger.info("Weights are written without model.keras: %s", reason)
        name, save = WEIGHTS_FILE, plain.save_weights
    with file_system.written_locally(os.path.join(model_dir, name)) as path:
        save(path)


def _why_not_described(model: keras.Model) -> str:
    """Why Keras cannot write a model's configuration; empty if it can."""
    try:
        keras.saving.serialize_keras_object(model)
    except Exception as error:  # whatever a user's get_config raises
        if model_faults.is_machine_fault(error):
            raise
        return first_line(error)
    return ""


def load(model_dir: str) -> keras.Model:
    """The trained model, as Keras loads it, or built again by its function.

    Raises:
        ModelError: If neither is possible: its function is gone or has changed.
    """
    path = os.path.join(model_dir, KERAS_FILE)
    try:
        with file_system.read_locally(path) as local:
            return keras.models.load_model(local, compile=False)
    except Exception as error:  # whatever a user's layers raise
        if model_faults.is_machine_fault(error):
            raise
        card = read_card(model_dir)
        if card is None or card.source is None:
            raise ModelError(
                f"No Keras model at {path} ({first_line(error)}) Train the model with "
                "this pipeline."
            ) from error
        return rebuild(model_dir, card)


def rebuild(model_dir: str, card: ModelCard) -> keras.Model:
    """Builds a model again and gives it its weights.

    Args:
        model_dir: Folder of its SavedModel.
        card: The model's, with a `source`.

    Raises:
        ModelError: If its function is gone or has changed, or its weights do not fit.
    """
    source = card.source
    assert source is not None
    model = f"Model in {model_dir}"
    try:
        code = architectures.source_digest(source.function)
        if code != source.code:
            raise ModelError(
                f"{model} was built by {source.function}, whose file has changed since "
                f"(SHA-256 {code[:12]}, expected {source.code[:12]}). Restore that file, "
                "or train the model again."
            )
        built = architectures.build(
            source.function,
            card.spec.image_shape,
            card.spec.num_classes,
            source.options,
        )
        load_weights(built, model_dir)
    except Exception as error:  # whatever a user's function raises
        if isinstance(error, ModelError) or model_faults.is_machine_fault(error):
            raise
        raise ModelError(
            f"{model} cannot be built again by {source.function} and its weights "
            f"({first_line(error)}) Train the model again."
        ) from error
    return built


def load_weights(model: keras.Model, model_dir: str) -> None:
    """Gives a model the weights beside a SavedModel, whichever file has them."""
    path = os.path.join(model_dir, WEIGHTS_FILE)
    if not file_system.exists(path):
        path = os.path.join(model_dir, KERAS_FILE)
    with file_system.read_locally(path) as local:
        model.load_weights(local)

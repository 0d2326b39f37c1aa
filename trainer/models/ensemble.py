"""Several teachers as one SavedModel, which everything after it takes for a teacher."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence

import tensorflow as tf

from tfx_distill.trainer.config.training_config import AverageConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.models.teachers import Teachers


def save(model_dirs: Sequence[str], average: AverageConfig, model_dir: str) -> None:
    """Writes the ensemble of several SavedModels, with the signatures of each.

    Args:
        model_dirs: Folders of the members, as `export.save` writes them.
        average: How their answers become one.
        model_dir: Folder to write.

    Raises:
        ModelError: If the members do not fit each other, or have no card.
    """
    Teachers(model_dirs, average)  # refuses members that do not fit each other
    cards = [saved_model_files.read_card(folder) for folder in model_dirs]
    known = [card for card in cards if card is not None]
    if len(known) < len(cards):
        folder = model_dirs[cards.index(None)]
        raise ModelError(
            f"Teacher in {folder} has no model card, which says what it was trained on. "
            "Train it with tfx_distill.trainer.distillation.teacher_run_fn.run_fn."
        )
    spec = known[0].spec
    module = _Ensemble(model_dirs, average)
    images = tf.TensorSpec([None, *spec.image_shape], tf.uint8, name="images")
    examples = tf.TensorSpec([None], tf.string, name="examples")
    predict = tf.function(module.answer, input_signature=[images])
    serve = tf.function(
        lambda examples: module.answer(example_reader.decode_examples(examples, spec)),
        input_signature=[examples],
    )
    module.functions = [predict, serve]
    signatures = {"predict_images": predict, "serving_default": serve}
    tf.saved_model.save(module, model_dir, signatures=signatures)
    card = dataclasses.replace(
        known[0],
        num_parameters=sum(card.num_parameters for card in known),
        config={
            "members": [card.config for card in known],
            "average": average.model_dump(),
        },
        history={},
        seconds=sum(card.seconds for card in known),
    )
    saved_model_files.write_card(card, model_dir)


class _Ensemble(tf.Module):
    """Loaded members with one answer."""

    def __init__(self, model_dirs: Sequence[str], average: AverageConfig) -> None:
        super().__init__()
        self.members = [tf.saved_model.load(os.fspath(path)) for path in model_dirs]
        self._weights = average.normalized(len(self.members))
        self._of = average.of

    def answer(self, images: tf.Tensor) -> dict[str, tf.Tensor]:
        """As `export.save` describes."""
        logits = tf.stack(
            [
                member.signatures["predict_images"](images=images)["logits"]
                for member in self.members
            ]
        )
        weights = tf.reshape(tf.constant(self._weights, tf.float32), [-1, 1, 1])
        if self._of == "logits":
            mean = tf.reduce_sum(weights * logits, axis=0)
        else:
            log_probs = tf.nn.log_softmax(logits) + tf.math.log(weights)
            mean = tf.reduce_logsumexp(log_probs, axis=0)
        return {
            "logits": mean,
            "probabilities": tf.nn.softmax(mean),
            "class": tf.argmax(mean, axis=-1),
        }

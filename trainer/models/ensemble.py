"""Several teachers as one SavedModel, used like a single teacher."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files, signatures
from tfx_distill.trainer.models.teachers import Teachers


def save(model_dirs: Sequence[str], average: AverageConfig, model_dir: str) -> None:
    """Writes the ensemble of several SavedModels, with the signatures of each.

    Args:
        model_dirs: Folders of the members, as `export.save` writes them.
        average: How their predictions become one.
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
    module = _Ensemble(model_dirs, average)
    signatures.save(module, model_dir, known[0].spec, module.predict)
    card = dataclasses.replace(
        known[0],
        num_parameters=sum(card.num_parameters for card in known),
        config={
            "members": [card.config for card in known],
            "average": average.model_dump(),
        },
        history={},
        seconds=sum(card.seconds for card in known),
        source=None,
        origins=tuple(origin for card in known for origin in card.origins),
    )
    saved_model_files.write_card(card, model_dir)


class _Ensemble(tf.Module):
    """Loaded members with one prediction."""

    def __init__(self, model_dirs: Sequence[str], average: AverageConfig) -> None:
        super().__init__()
        self._members = [tf.saved_model.load(folder) for folder in model_dirs]
        self._weights = average.normalized(len(self._members))
        self._of = average.of

    def predict(self, images: tf.Tensor) -> signatures.Outputs:
        logits = tf.stack(
            [
                member.signatures[signatures.PREDICT_IMAGES](images=images)["logits"]
                for member in self._members
            ]
        )
        weights = tf.reshape(tf.constant(self._weights, tf.float32), [-1, 1, 1])
        if self._of == "logits":
            return signatures.outputs(tf.reduce_sum(weights * logits, axis=0))
        log_probs = tf.nn.log_softmax(logits) + tf.math.log(weights)
        return signatures.outputs(tf.reduce_logsumexp(log_probs, axis=0))

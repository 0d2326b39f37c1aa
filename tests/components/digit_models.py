"""Real teachers and students on `digits`, good and bad, as Model artifacts."""

import keras
import numpy as np
import tensorflow as tf
from tfx.types import standard_artifacts
from tfx.utils import path_utils

from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.distillation import teacher_logits, training
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures
from tfx_distill.trainer.models.teachers import Teachers

TEACHER = TeacherConfig(epochs=8, batch_size=64)
STUDENT = StudentConfig(epochs=12, batch_size=64)
FIVE = 5


class Plain(tf.Module):
    """A model as plain TensorFlow serves it: from pixels in 0–1 to probabilities."""

    def __init__(self, model, image_shape):
        super().__init__()
        self.kept = [variable.value for variable in model.variables]
        self.classify = tf.function(
            lambda photos: {"scores": tf.nn.softmax(model(photos * 255))},
            input_signature=[tf.TensorSpec([None, *image_shape], name="photos")],
        )


def splits(examples):
    """The specification and the splits `train` and `eval` of an Examples artifact."""
    spec = DataSpec.load(examples.uri)
    loaded = example_reader.load_splits(examples.uri, spec)
    return spec, loaded["train"], loaded["eval"]


def artifact(model, spec, role, folder):
    """Saves a Keras model as TFX's Trainer would."""
    result = standard_artifacts.Model()
    result.uri = str(folder)
    serving_dir = path_utils.serving_model_dir(result.uri)
    saved_model.save(
        model, serving_dir, role=role, spec=spec, config={}, history={}, seconds=0.0
    )
    return result


def serving_path(model):
    return path_utils.serving_model_path(model.uri)


def train_student(examples, teacher, *, shuffled_labels=False):
    """A student of `teacher`, or one that learnt from labels in disorder."""
    spec, train, evaluation = splits(examples)
    distillation = DistillationConfig()
    if shuffled_labels:
        mixed = np.random.default_rng(0).permutation(train.labels)
        train = example_reader.Split(train.images, mixed)
        distillation = DistillationConfig(student_loss_weight=1.0)
    views = ViewsConfig(count=2)
    both = {"train": train, "eval": evaluation}
    answers = teacher_logits.predict_splits(
        Teachers([serving_path(teacher)]), both, views
    )
    data = teacher_logits.join(answers, both, views)
    return training.train_student(
        data["train"], data["eval"], spec, STUDENT, distillation
    ).model


def with_last_layer(model, change):
    """A copy of `model` whose last layer's kernel and bias went through `change`."""
    copy = keras.models.clone_model(model)
    copy.set_weights(model.get_weights())
    last = copy.layers[-1].layers[-1]
    last.set_weights([change(weights) for weights in last.get_weights()])
    return copy


def never_five(weights):
    """The answer 5 becomes impossible; all others stay as they are."""
    if weights.ndim == 1:
        weights = weights.copy()
        weights[FIVE] = -1e4
    return weights


def a_little_worse(weights):
    """Noise that costs a student some points of accuracy, on whichever stack."""
    noise = np.random.default_rng(0).normal(scale=weights.std(), size=weights.shape)
    return weights + 0.8 * noise


def untrained(spec):
    return architectures.build(
        "tfx_distill.trainer.models.architectures.student",
        spec.image_shape,
        spec.num_classes,
    )

"""Images whose class is a brightness, and a teacher that knows it without training."""

import numpy as np
import tensorflow as tf

from tfx_distill.trainer.config.imported_config import ImportedConfig
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.evaluation import teacher_check
from tfx_distill.trainer.export import model_sources

NAMES = ("cat", "dog", "eel", "fox", "gnu")
SPEC = DataSpec(
    dataset="levels",
    version="",
    image_shape=(8, 16, 3),
    class_names=NAMES,
    num_examples={"eval": 200},
)


def levels(labels, seed=0):
    """Grey levels of classes, uint8, of the shape of `labels`."""
    noise = np.random.default_rng(seed).integers(-15, 16, labels.shape)
    return (255 * (labels + 0.5) / len(NAMES) + noise).astype(np.uint8)


def images(size=200):
    """Wide images: red at both sides, the rest is of random classes; and labels."""
    rng = np.random.default_rng(1)
    labels = rng.integers(0, len(NAMES), size)
    pixels = levels(rng.integers(0, len(NAMES), (size, 8, 16, 3)))
    pixels[:, :, [0, 1, 2, 3, -4, -3, -2, -1], 0] = levels(labels)[:, None, None]
    return pixels, labels


class Teacher(tf.Module):
    """Takes squares of 8 pixels in [0, 1], and looks at the red of both sides.

    Args:
        order: The class of each output.
        logits: Gives these rather than probabilities.
    """

    def __init__(self, order=NAMES, logits=False):
        super().__init__()
        centres = [(NAMES.index(name) + 0.5) / len(NAMES) for name in order]
        self.centres, self.logits = tf.Variable(centres), logits

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def serve(self, images):
        sides = tf.concat([images[:, :, :2, 0], images[:, :, -2:, 0]], axis=-1)
        value = tf.reduce_mean(sides, axis=[1, 2])[:, None]
        logits = -300 * tf.square(value - self.centres)
        return {"scores": logits if self.logits else tf.nn.softmax(logits)}


def saved(folder, **arguments):
    """The folder of a plain SavedModel."""
    teacher = Teacher(**arguments)
    tf.saved_model.save(teacher, str(folder), signatures=teacher.serve)
    return str(folder)


def check(folder, pixels=None, spec=SPEC, thorough=True, **settings):
    """Measures a teacher with these settings of `teacher.imported`."""
    config = ImportedConfig(**{"fit": "stretch", **settings})
    pixels, labels = pixels or images()
    source = model_sources.open_model(folder, "", config, spec)
    return teacher_check.check(source, spec, config, pixels, labels, thorough=thorough)

"""Ways to make a student, its teacher or its data bad."""

import dataclasses
import pathlib
import shutil

import digit_models
import keras
import numpy as np
import tensorflow as tf
from sabotage_world import answer

from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.models import architectures


def of_pixels(change):
    """Signature of a model that sees other pixels than it should."""
    return lambda honest, model: (
        lambda images: answer(
            model.layers[-1](change(tf.cast(images, tf.float32)), training=False)
        )
    )


def of_logits(change):
    """Signature that changes the logits of the honest one."""
    return lambda honest, model: lambda images: answer(change(honest(images)["logits"]))


def of_answer(change):
    """Signature that changes the outputs of the honest one."""
    return lambda honest, model: (
        lambda images: {
            **honest(images),
            **change(honest(images)),
        }
    )


def half_of_the_fives(world):
    """The student with just enough against 5 to miss half of them."""
    images, labels = test_split(world)
    logits = np.asarray(world.student_model(images[labels == 5], training=False))
    others = np.delete(logits, 5, axis=1).max(axis=1)
    shift = np.median(logits[:, 5] - others)

    def change(weights):
        if weights.ndim == 1:
            weights = weights.copy()
            weights[5] -= shift
        return weights

    return world.last_layer(change)


def test_split(world):
    split = example_reader.load_split(world.examples.uri, "test", world.spec)
    return split.images, split.labels


def bias(number, value):
    """Change of the last layer that adds to one class."""

    def change(weights):
        if weights.ndim == 1:
            weights = weights.copy()
            weights[number] += value
        return weights

    return change


def without_test_images(world, label=None):
    """The examples without those of a class in the split `test`; None: without any."""
    artifact = world.copied(world.examples)
    folder = pathlib.Path(artifact.uri, "Split-test")
    (path,) = folder.iterdir()
    records = list(tf.data.TFRecordDataset(str(path), "GZIP").as_numpy_iterator())
    kept = [r for r in records if label is not None and _label(r) != label]
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in kept:
            writer.write(record)
    sizes = {**world.spec.num_examples, "test": len(kept)}
    dataclasses.replace(world.spec, num_examples=sizes).save(artifact.uri)
    return artifact


def _label(record):
    features = tf.train.Example.FromString(record).features.feature
    return features["label"].int64_list.value[0]


def damaged(world, name, change, of=None):
    """A copy of the student in whose SavedModel one file went through `change`."""
    artifact = world.copied(of or world.student)
    (path,) = pathlib.Path(digit_models.serving_path(artifact)).glob(name)
    change(path)
    return artifact


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def colour_teacher(world):
    model = architectures.build(
        "tfx_distill.trainer.models.architectures.student", (32, 32, 3), 10
    )
    return world.save(model, "teacher", image_shape=(32, 32, 3))


def other_keras_file(world):
    """The student's SavedModel beside another student's Keras model."""
    other = world.last_layer(bias(3, 2.0))
    target = world.copied(world.student)
    name = "assets.extra/model.keras"
    source, path = (
        pathlib.Path(digit_models.serving_path(model), name)
        for model in (other, target)
    )
    shutil.copy(source, path)
    return target


def heavy(honest, model):
    """Signature that does much work for nothing."""

    def slow(images):
        # Of the images, so that TensorFlow cannot compute it beforehand.
        ballast = tf.image.resize(tf.cast(images[:1], tf.float32), (64, 64))
        ballast = tf.repeat(ballast, 64, axis=-1)
        kernel = tf.ones((5, 5, 64, 64))
        for _ in range(3):
            ballast = tf.nn.conv2d(ballast, kernel, 1, "SAME") * 1e-3
        return answer(honest(images)["logits"] + 1e-9 * tf.reduce_mean(ballast))

    return slow


def by_number(factor):
    """Signature whose logits are multiplied by a function of the number of images."""

    def change(logits):
        return logits * factor(tf.cast(tf.shape(logits)[0], tf.float32))

    return of_logits(change)


def less_of_few(world):
    """The student whose logits are multiplied by (n - 1) / n, n images at once."""
    logits = world.student_model.output
    number = keras.ops.sum(keras.ops.ones_like(logits[:, :1]), axis=0)
    return world.save(
        keras.Model(world.student_model.input, logits * (number - 1) / number)
    )


def random_later(world):
    """The student whose answers to Examples are random after ten requests."""
    asked = tf.Variable(0, trainable=False)

    def later(honest, model):
        del model

        def answers(images):
            number = asked.assign_add(1)
            logits = honest(images)["logits"]
            noise = tf.random.normal(tf.shape(logits))
            return answer(tf.where(number > 10, logits + noise, logits))

        return answers

    return world.exported(serve=later, extra=[asked])


def hanging(honest, model):
    """Signature that never answers a single image."""

    def hang(images):
        is_one = tf.equal(tf.shape(images)[0], 1)
        with tf.control_dependencies([_endless(is_one)]):
            return answer(tf.identity(honest(images)["logits"]))

    return hang


def _endless(condition):
    """Counts until it is switched off, which never happens."""
    (count,) = tf.while_loop(
        lambda i: tf.logical_and(condition, i >= 0),
        lambda i: [(i + 1) % 1000],
        [tf.constant(0)],
    )
    return count


def python_code(honest, model):
    """Signature that calls Python, which only the trainer's process has."""

    def call(images):
        logits = honest(images)["logits"]
        same = tf.numpy_function(lambda values: values, [logits], tf.float32)
        return answer(tf.ensure_shape(same, logits.shape))

    return call


def shuffled_student(world):
    return world.save(
        digit_models.train_student(world.examples, world.teacher, shuffled_labels=True)
    )

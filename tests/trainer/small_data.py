"""Images, records and models small enough for a test."""

import keras
import numpy as np
import tensorflow as tf

from tfx_distill.trainer.data.example_reader import Split


def squares(size: int, seed: int) -> Split:
    """Bright left half, right half or both: easy, and learnt in a second."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, size).astype(np.int32)
    images = rng.integers(0, 40, (size, 8, 8, 1)).astype(np.uint8)
    images[np.isin(labels, (0, 2)), :, :4] += 200
    images[np.isin(labels, (1, 2)), :, 4:] += 200
    return Split(images, labels)


def dense(image_shape, num_classes, units=16):
    """A model of one's own, given by dotted path."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Flatten(name="flatten"),
            keras.layers.Dense(units, activation="relu", name="hidden"),
            keras.layers.Dense(num_classes),
        ]
    )


def convolutional(image_shape, num_classes):
    """Convolution and BatchNormalization, which a converter folds into one."""
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.MaxPooling2D(),
            keras.layers.Flatten(),
            keras.layers.Dense(num_classes),
        ]
    )


def png(image: np.ndarray) -> bytes:
    return tf.io.encode_png(image).numpy()


def example(**features: bytes | int) -> bytes:
    """A serialized tf.train.Example."""
    values = {
        name: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        if isinstance(value, bytes)
        else tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        for name, value in features.items()
    }
    return tf.train.Example(
        features=tf.train.Features(feature=values)
    ).SerializeToString()

"""Model functions as people write them: some work, some cannot."""

import keras
import numpy as np
from keras import layers, ops


def _body(image_shape):
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(8, 3, activation="relu")(inputs)
    return inputs, layers.GlobalMaxPooling2D()(x)


def log_softmax(image_shape, num_classes):
    """Log-probabilities are logits up to a constant."""
    inputs, x = _body(image_shape)
    return keras.Model(inputs, ops.log_softmax(layers.Dense(num_classes)(x)))


def lambda_layer(image_shape, num_classes):
    inputs, x = _body(image_shape)
    x = layers.Lambda(lambda values: values * 2.0)(x)
    return keras.Model(inputs, layers.Dense(num_classes)(x))


class Scale(layers.Layer):
    """A layer that its author never registered."""

    def __init__(self, by):
        super().__init__()
        self.by = by

    def call(self, values):
        return values * self.by


def custom_layer(image_shape, num_classes, by=2.0):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Dense(num_classes)(Scale(by)(x)))


class Subclassed(keras.Model):
    """A model as PyTorch users write it: Keras cannot describe it."""

    def __init__(self, num_classes):
        super().__init__()
        self.conv = layers.Conv2D(8, 3, activation="relu")
        self.normalize = layers.BatchNormalization()
        self.drop = layers.Dropout(0.5)
        self.pool = layers.GlobalMaxPooling2D()
        self.out = layers.Dense(num_classes)

    def call(self, images, training=False):
        x = self.normalize(self.conv(images), training=training)
        return self.out(self.drop(self.pool(x), training=training))


def subclassed(image_shape, num_classes):
    return Subclassed(num_classes)


def half_precision(image_shape, num_classes):
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(8, 3, activation="relu", dtype="mixed_bfloat16")(inputs)
    x = layers.GlobalMaxPooling2D(dtype="mixed_bfloat16")(x)
    return keras.Model(inputs, layers.Dense(num_classes, dtype="float32")(x))


def overflowing(image_shape, num_classes):
    """Half precision that overflows with other weights than its first."""
    x = inputs = keras.Input(image_shape)
    for _ in range(8):
        x = layers.Conv2D(8, 3, padding="same", dtype="float16")(x)
        x = layers.BatchNormalization(dtype="float16")(x)
    x = layers.GlobalMaxPooling2D(dtype="float16")(x)
    return keras.Model(inputs, layers.Dense(num_classes, dtype="float32")(x * 100.0))


def augmenting(image_shape, num_classes):
    """Its first layer trains unless told otherwise, as its author wants."""
    inputs = keras.Input(image_shape)
    x = layers.Conv2D(8, 3)(layers.RandomFlip()(inputs))
    return keras.Model(inputs, layers.Dense(num_classes)(layers.Flatten()(x)))


WORKING = [
    log_softmax,
    lambda_layer,
    custom_layer,
    subclassed,
    half_precision,
    augmenting,
]


def softmax_layer(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Softmax()(layers.Dense(num_classes)(x)))


def softmax_operation(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, ops.softmax(layers.Dense(num_classes)(x)))


def sigmoid(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Dense(num_classes, activation="sigmoid")(x))


def always_dropping(image_shape, num_classes):
    inputs, x = _body(image_shape)
    x = layers.Dropout(0.5)(x, training=True)
    return keras.Model(inputs, layers.Dense(num_classes)(x))


class Noise(layers.Layer):
    """Random whatever it is told."""

    def call(self, values):
        return values + keras.random.normal(ops.shape(values))


def noisy(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Dense(num_classes)(Noise()(x)))


def of_the_batch(image_shape, num_classes):
    inputs, x = _body(image_shape)
    x = x - ops.mean(x, axis=0, keepdims=True)
    return keras.Model(inputs, layers.Dense(num_classes)(x))


def of_the_batch_from_zero(image_shape, num_classes):
    """Its last layer begins at zero, so that at first nothing can be seen."""
    inputs, x = _body(image_shape)
    x = x - ops.mean(x, axis=0, keepdims=True)
    return keras.Model(inputs, layers.Dense(num_classes, kernel_initializer="zeros")(x))


def one_output_too_few(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Dense(num_classes - 1)(x))


def not_finite(image_shape, num_classes):
    inputs, x = _body(image_shape)
    kernel = keras.initializers.Constant(np.nan)
    return keras.Model(inputs, layers.Dense(num_classes, kernel_initializer=kernel)(x))


def another_each_time(image_shape, num_classes):
    """What it draws is no weight, so that it is lost."""
    drawn = np.random.normal(size=(8, 8)).astype("float32")
    inputs, x = _body(image_shape)
    x = layers.Lambda(lambda values: ops.matmul(values, drawn))(x)
    return keras.Model(inputs, layers.Dense(num_classes)(x))


class Bessel(layers.Layer):
    """An operation that LiteRT has not."""

    def call(self, values):
        import tensorflow as tf

        return tf.math.bessel_i0e(values)


def bessel(image_shape, num_classes):
    inputs, x = _body(image_shape)
    return keras.Model(inputs, layers.Dense(num_classes)(Bessel()(x)))


REFUSED = [
    (softmax_layer, r"softmax probabilities \(each row sums to 1\), expected logits"),
    (softmax_operation, r"softmax probabilities .* what goes into the last softmax"),
    (sigmoid, "values between 0 and 1, as of a sigmoid for each class"),
    (always_dropping, r"calls dropout\w* with training=True"),
    (noisy, "answers the same image differently each time"),
    (of_the_batch, "differently in a batch of 1 and of 8"),
    (of_the_batch_from_zero, "differently in a batch of 1 and of 8"),
    (one_output_too_few, r"shape \(None, 2\), expected \(batch, 3\)"),
    (not_finite, "not finite before any training"),
    (another_each_time, "differently once it is built again from its weights"),
]

"""A user's teacher for TFX's Trainer: knows nothing of tfx_distill.

Its SavedModel takes serialized examples and gives probabilities, under names of its own.
"""

import keras
import tensorflow as tf

SIDE = 24
CLASSES = [
    "zero", "one", "two", "three", "four",
    "five", "six", "seven", "eight", "nine",
]  # fmt: skip


def _images(serialized):
    features = {"photo/encoded": tf.io.FixedLenFeature([], tf.string)}
    encoded = tf.io.parse_example(serialized, features)["photo/encoded"]
    decoded = tf.map_fn(
        lambda image: tf.io.decode_png(image, channels=1),
        encoded,
        fn_output_signature=tf.TensorSpec((SIDE, SIDE, 1), tf.uint8),
    )
    return tf.cast(decoded, tf.float32) / 255


def _labels(serialized):
    features = {"photo/class": tf.io.FixedLenFeature([], tf.string)}
    names = tf.io.parse_example(serialized, features)["photo/class"]
    return tf.argmax(names[:, None] == tf.constant(CLASSES), axis=1)


def _dataset(patterns):
    files = tf.io.gfile.glob(patterns)
    records = tf.data.TFRecordDataset(files, "GZIP").shuffle(2000, seed=1).batch(64)
    return records.map(lambda batch: (_images(batch), _labels(batch)))


def run_fn(fn_args):
    """Called by TFX's Trainer."""
    keras.utils.set_random_seed(1)
    model = keras.Sequential(
        [
            keras.Input((SIDE, SIDE, 1)),
            keras.layers.Conv2D(16, 3, activation="relu"),
            keras.layers.MaxPooling2D(3),
            keras.layers.Flatten(),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(len(CLASSES), activation="softmax"),
        ]
    )
    model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(_dataset(fn_args.train_files), epochs=12, verbose=2)

    class Served(tf.Module):
        def __init__(self):
            super().__init__()
            self.variables_of_model = [v.value for v in model.variables]

        @tf.function(input_signature=[tf.TensorSpec([None], tf.string)])
        def serve(self, raw_photos):
            return {"scores": model(_images(raw_photos), training=False)}

    served = Served()
    tf.saved_model.save(
        served, fn_args.serving_model_dir, signatures={"serving_default": served.serve}
    )

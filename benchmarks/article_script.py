"""The article's recipe as a bare script: teacher and student in one process.

No pipeline, no records, no gates: what it costs is the training alone. Reads images and
labels from the `.npz` file that is its first argument and prints JSON: seconds of each
part, and both accuracies on the test images.
"""

from __future__ import annotations

import functools
import itertools
import json
import sys
import time

_TEMPERATURE, _EPOCHS = 5.0, 5


def main(path: str) -> None:
    times = [time.monotonic()]
    import keras
    import numpy as np

    times.append(time.monotonic())
    keras.utils.set_random_seed(0)
    with np.load(path) as data:
        train, test = data["train_images"] / 255, data["test_images"] / 255
        labels, answers = data["train_labels"], data["test_labels"]
    teacher = _model(keras, train.shape[1:], (32, 64), 128)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    teacher.compile("adam", loss, ["accuracy"])
    teacher.fit(train, labels, 64, _EPOCHS, verbose=0, validation_data=(test, answers))
    times.append(time.monotonic())
    student = _model(keras, train.shape[1:], (16,), 64)
    student.compile("adam", functools.partial(_soft_target_loss, keras))
    targets = teacher.predict(train, verbose=0)
    student.fit(train, targets, 32, _EPOCHS, verbose=0)
    times.append(time.monotonic())
    accuracies = {
        name: float((model.predict(test, verbose=0).argmax(1) == answers).mean())
        for name, model in (("teacher", teacher), ("student", student))
    }
    names = ("import_s", "teacher_s", "student_s")
    took = (after - before for before, after in itertools.pairwise(times))
    print(json.dumps({**dict(zip(names, took, strict=True)), **accuracies}))


def _model(keras, image_shape, widths, units):
    layers = [keras.Input(image_shape)]
    for width in widths:
        layers.append(keras.layers.Conv2D(width, 3, activation="relu"))
        layers.append(keras.layers.MaxPooling2D())
    layers.append(keras.layers.Flatten())
    layers.append(keras.layers.Dense(units, activation="relu"))
    return keras.Sequential([*layers, keras.layers.Dense(10)])


def _soft_target_loss(keras, teacher_logits, student_logits):
    return keras.losses.categorical_crossentropy(
        keras.ops.softmax(teacher_logits / _TEMPERATURE),
        student_logits / _TEMPERATURE,
        from_logits=True,
    )


if __name__ == "__main__":
    main(sys.argv[1])

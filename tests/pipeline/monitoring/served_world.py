"""A pushed student with its run, small and real, and what arrives in production."""

import pathlib
import shutil

import keras
import numpy as np
import small_data
import tensorflow as tf
from small_runs import SmallRun

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures

CLASS_NAMES = ("left", "right", "both")


class ServedRun(SmallRun):
    """A run whose models are real, and tested on real images."""

    shape = (8, 8, 1)

    def __init__(self, root: pathlib.Path) -> None:
        super().__init__(root)
        self.class_names = CLASS_NAMES
        self.test = small_data.squares(400, seed=3)
        self.labels = self.student = self.teacher = self.test.labels
        self.models = {"teacher": trained(32), "student": trained(8)}

    @property
    def options(self):
        """What tells a command of the run."""
        places = f"pipeline.root={self.folder.parent}", "pipeline.name=small"
        return [word for place in places for word in ("--set", place)]

    def write(self):
        super().write()
        logits = {
            role: model(self.test.images).numpy() for role, model in self.models.items()
        }
        probs = {role: tf.nn.softmax(values).numpy() for role, values in logits.items()}
        Predictions(labels=self.test.labels.astype(np.int64), **probs).save(
            self._uri("ModelEvaluation")
        )
        student = pathlib.Path(self._uri("Model"), "Format-Serving")
        shutil.copytree(student, self._uri("PushedModel"), dirs_exist_ok=True)
        return self

    def _examples(self, artifact):
        super()._examples(artifact)  # for its data_spec.json
        (path,) = pathlib.Path(artifact.uri).glob("*/*.gz")
        write_records(path, self.test)

    def _model(self, artifact, role):
        saved_model.save(
            self.models[role],
            f"{artifact.uri}/Format-Serving",
            role=role,
            spec=DataSpec.load(self._uri("Examples")),
            config={},
            history={},
            seconds=1.0,
        )


def trained(units):
    """A model that has learnt it."""
    keras.utils.set_random_seed(units)
    split = small_data.squares(300, seed=1)
    options = {"units": units}
    model = architectures.build("small_data.dense", (8, 8, 1), 3, options)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile("adam", loss)
    model.fit(split.images, split.labels, epochs=8, verbose=0)
    return model


def write_records(path, split):
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for image, label in zip(split.images, split.labels, strict=True):
            content = small_data.png(image)
            writer.write(small_data.example(image=content, label=int(label)))


def write_files(folder, images, labels=None):
    """PNG files; with labels, in a folder for each class."""
    for number, image in enumerate(images):
        within = "" if labels is None else CLASS_NAMES[labels[number]]
        path = folder / within / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(small_data.png(image))
    return folder

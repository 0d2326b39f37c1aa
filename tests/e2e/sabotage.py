"""Real gates on `digits`, and ways to make a student, its teacher or its record bad."""

import dataclasses
import os
import pathlib
import shutil

import digit_models
import evaluations
import numpy as np
import tensorflow as tf
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_distill.components.pusher import executor as pusher
from tfx_distill.components.servability_validator import executor as servability
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.models import architectures

# Noise on a busy machine must not be the reason; who tests speed sets a bound.
SERVABILITY = ServabilityConfig(examples=64, max_times_teacher=50.0)


@dataclasses.dataclass
class Attempt:
    """What is brought before both gates, and then to the Pusher."""

    student: standard_artifacts.Model
    teachers: list
    examples: standard_artifacts.Examples
    gate: GateConfig = evaluations.GATE
    servability: ServabilityConfig = SERVABILITY
    served: str = ""


class World:
    """A good student with its teacher and data, from which all bad ones are made."""

    def __init__(self, examples, teacher, student_model, folder):
        self.examples, self.teacher, self.folder = examples, teacher, folder
        self.spec = DataSpec.load(examples.uri)
        self.student_model = student_model
        self.student = self.save(student_model)
        self._blessings = None

    def place(self):
        """A new empty folder."""
        place = self.folder / str(len(os.listdir(self.folder)))
        place.mkdir()
        return place

    def attempt(self, **changed):
        given = {"teachers": [self.teacher], "examples": self.examples}
        return Attempt(**{"student": self.student, **given, **changed})

    def save(self, model, role="student", **changed):
        """A Model artifact, exported as the pipeline does."""
        spec = dataclasses.replace(self.spec, **changed)
        return digit_models.artifact(model, spec, role, self.place() / "model")

    def last_layer(self, change):
        """The good student with another last layer."""
        return self.save(digit_models.with_last_layer(self.student_model, change))

    def copied(self, artifact):
        """A copy of an artifact and its files, to damage it."""
        other = type(artifact)()
        other.copy_from(artifact)
        other.uri = str(self.place() / "copy")
        shutil.copytree(artifact.uri, other.uri)
        return other

    def exported(self, predict=None, serve=None, **options):
        """The good student under signatures that are not what was trained.

        Args:
            predict: Makes the function behind `predict_images` from the honest one;
                None: the honest one.
            serve: The same for `serving_default`.
            **options: Of `Signatures`.
        """
        artifact = self.copied(self.student)
        module = Signatures(self.student_model, self.spec, predict, serve, **options)
        folder = digit_models.serving_path(artifact)
        tf.saved_model.save(module, folder, signatures=module.functions)
        return artifact

    def judged(self, attempt):
        """Both gates' blessings of an attempt, by the Pusher's input."""
        place = self.place()
        evaluated = evaluations.evaluate(
            place,
            attempt.examples,
            attempt.student,
            attempt.teachers,
            attempt.gate,
            served_model=attempt.served,
        )
        infra = standard_artifacts.InfraBlessing()
        infra.uri = str(place / "infra")
        inputs = {
            "examples": [attempt.examples],
            "model": [attempt.student],
            "teacher_model": attempt.teachers,
        }
        properties = {"servability": attempt.servability.to_json()}
        servability.Executor().Do(inputs, {"blessing": [infra]}, properties)
        return {"model_blessing": evaluated.blessing, "infra_blessing": infra}

    def blessings(self):
        """Copies of the good student's blessings."""
        if self._blessings is None:
            self._blessings = self.judged(self.attempt())
        return {key: self.copied(made) for key, made in self._blessings.items()}

    def push(self, student, blessings):
        """Returns the PushedModel, and the versions that a server sees then."""
        place = self.place()
        destination = pusher_pb2.PushDestination()
        destination.filesystem.base_directory = str(place / "serving")
        pushed = standard_artifacts.PushedModel()
        pushed.uri = str(place / "pushed")
        given = {key: [blessing] for key, blessing in blessings.items()}
        pusher.Executor().Do(
            {"model": [student], **given},
            {"pushed_model": [pushed]},
            {"push_destination": proto_utils.proto_to_json(destination)},
        )
        there = os.listdir(place / "serving") if (place / "serving").exists() else []
        return pushed, [name for name in there if name.isdigit()]


class Signatures(tf.Module):
    """Signatures that answer as somebody wants."""

    def __init__(self, model, spec, predict, serve, names=None, outputs=None, extra=()):
        super().__init__()
        self._kept = [variable.value for variable in model.variables]
        self._extra = list(extra)

        def honest(images):
            return answer(model(images, training=False))

        def renamed(made):
            return {(outputs or {}).get(name, name): made[name] for name in made}

        predict = predict(honest, model) if predict else honest
        serve = serve(honest, model) if serve else honest
        images = tf.TensorSpec([None, *spec.image_shape], tf.uint8, name="images")
        examples = tf.TensorSpec([None], tf.string, name="examples")
        functions = {
            "predict_images": tf.function(
                lambda images: renamed(predict(images)), input_signature=[images]
            ),
            "serving_default": tf.function(
                lambda examples: renamed(
                    serve(example_reader.decode_examples(examples, spec))
                ),
                input_signature=[examples],
            ),
        }
        self.functions = {name: functions[name] for name in (names or functions)}


def answer(logits):
    """All outputs of some logits."""
    return {
        "logits": logits,
        "probabilities": tf.nn.softmax(logits),
        "class": tf.argmax(logits, axis=-1),
    }


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

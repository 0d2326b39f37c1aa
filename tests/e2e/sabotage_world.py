"""A good student on `digits`, with real gates and the real Pusher."""

import dataclasses
import os
import shutil

import digit_models
import evaluations
import tensorflow as tf
from tfx.proto import pusher_pb2
from tfx.types import standard_artifacts
from tfx.utils import proto_utils

from tfx_distill.components.pusher import executor as pusher
from tfx_distill.components.servability_validator import executor as servability
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.data import example_records
from tfx_distill.trainer.data.data_spec import DataSpec

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
        return {key: ask(attempt) for key, ask in self._gates().items()}

    def brought(self, attempt, reason):
        """Brings an attempt before the gates, then to the Pusher; returns as `push`.

        As each gate takes seconds, the other one is asked only if `reason` is not what
        the first one refuses it for. The good student's blessing stands in.
        """
        blessings = self.blessings()
        asked = list(self._gates().items())
        for key, ask in asked if reason.startswith("gate.") else reversed(asked):
            blessings[key] = ask(attempt)
            pushed, versions = self.push(attempt.student, blessings)
            if reason in pushed.get_string_custom_property("reason"):
                break
        return pushed, versions

    def _gates(self):
        return {"model_blessing": self._evaluated, "infra_blessing": self._validated}

    def _evaluated(self, attempt):
        evaluated = evaluations.evaluate(
            self.place(),
            attempt.examples,
            attempt.student,
            attempt.teachers,
            attempt.gate,
            served_model=attempt.served,
        )
        return evaluated.blessing

    def _validated(self, attempt):
        infra = standard_artifacts.InfraBlessing()
        infra.uri = str(self.place() / "infra")
        inputs = {
            "examples": [attempt.examples],
            "model": [attempt.student],
            "teacher_model": attempt.teachers,
        }
        properties = {"servability": attempt.servability.to_json()}
        servability.Executor().Do(inputs, {"blessing": [infra]}, properties)
        return infra

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
                    serve(example_records.decode_examples(examples, spec))
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


def refusal(pushed, versions):
    """The reason why nothing was pushed."""
    assert (pushed.get_int_custom_property("pushed"), versions) == (0, [])
    return pushed.get_string_custom_property("reason")

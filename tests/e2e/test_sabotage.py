"""Whatever is wrong with a student, its teacher or its record: it is not pushed.

Every sabotage goes through a real gate and the real Pusher, and is refused for its own
reason.
"""

import pathlib

import digit_models
import numpy as np
import pytest
import sabotage
import tensorflow as tf
from evaluations import GATE, PAIRED
from sabotage import (
    bias,
    cut,
    damaged,
    of_answer,
    of_logits,
    of_pixels,
)
from sabotage_world import SERVABILITY, refusal
from test_forgeries import FORGERIES

from tfx_distill.trainer.config.gate_config import MUST_BE_BETTER

pytestmark = pytest.mark.e2e

SWAP = [1, 0, *range(2, 10)]


def gate(**changed):
    return GATE.replace(**changed)


def budget(**changed):
    return SERVABILITY.replace(**changed)


# It answers as it was trained to, but not always.
INCONSTANT = {
    "answers that depend on how many are asked": (
        lambda w: {"student": sabotage.less_of_few(w)},
        "serving_default answers the same images differently with 1 image per request",
    ),
    "answers that are wrong for two images alone": (
        lambda w: {
            "student": _both(w, sabotage.by_number(lambda n: tf.sign((n - 2) ** 2)))
        },
        "serving_default answers the same images differently with 2 to 17 images",
    ),
    "answers that depend on the other images": (
        lambda w: {
            "student": w.exported(
                predict=of_logits(
                    lambda logits: logits - tf.reduce_mean(logits, 0, keepdims=True) / 9
                )
            )
        },
        "predict_images differs from the trained Keras model",
    ),
    "a layer that is random when it serves": (
        lambda w: {
            "student": _both(
                w,
                of_logits(
                    lambda logits: logits + tf.random.normal(tf.shape(logits)) / 50
                ),
            )
        },
        "differs from the trained Keras model",
    ),
    "a layer that is seldom random": (
        lambda w: {"student": sabotage.random_later(w)},
        "serving_default answers the same images differently with",
    ),
}
SABOTAGES = {
    # The student learnt the wrong thing.
    "shuffled labels": (
        lambda w: {"student": sabotage.shuffled_student(w)},
        "gate.min_accuracy: 0.",
    ),
    "one bad class": (
        lambda w: {"student": w.last_layer(digit_models.never_five)},
        "gate.min_class_accuracy: 0.0000 class 5, must be at least 0.5000",
    ),
    "constant answers": (
        lambda w: {"student": w.last_layer(bias(3, 1e4))},
        "gate.min_class_accuracy: 0.0000 class 0, must be at least 0.5000",
    ),
    "NaN weights": (
        lambda w: {"student": w.last_layer(lambda weights: weights * np.nan)},
        "the student's predictions for 360 of 360 images are not finite",
    ),
    "half of one class": (
        lambda w: {
            "student": sabotage.half_of_the_fives(w),
            "gate": PAIRED.replace(margin=0.05, class_margin=0.9),
        },
        "gate.margin: -0.0",
    ),
    "too sure of itself": (
        lambda w: {
            "student": w.last_layer(lambda weights: weights * 100),
            "gate": gate(max_calibration_error=0.01),
        },
        "gate.max_calibration_error: ",
    ),
    "no better than what serves": (
        lambda w: {
            "served": digit_models.serving_path(w.student),
            "gate": gate(against_served=MUST_BE_BETTER),
        },
        "gate.against_served: ",
    ),
    # What is served is not what was trained.
    "swapped classes in serving_default": (
        lambda w: {
            "student": w.exported(
                serve=of_logits(lambda logits: tf.gather(logits, SWAP, axis=1))
            )
        },
        "serving_default differs from the trained Keras model",
    ),
    "swapped classes in predict_images": (
        lambda w: {
            "student": w.exported(
                predict=of_logits(lambda logits: tf.gather(logits, SWAP, axis=1))
            )
        },
        "predict_images differs from the trained Keras model",
    ),
    "missing preprocessing": (
        lambda w: {"student": _both(w, of_pixels(lambda pixels: pixels))},
        "serving_default differs from the trained Keras model",
    ),
    "wrong image scale": (
        lambda w: {"student": _both(w, of_pixels(lambda pixels: pixels / 128))},
        "serving_default differs from the trained Keras model",
    ),
    "inverted images": (
        lambda w: {"student": _both(w, of_pixels(lambda p: (255 - p) / 255))},
        "serving_default differs from the trained Keras model",
    ),
    "rows for columns in serving_default": (
        lambda w: {
            "student": w.exported(
                serve=of_pixels(lambda p: tf.transpose(p / 255, (0, 2, 1, 3)))
            )
        },
        "serving_default differs from the trained Keras model",
    ),
    "infinite logits in serving_default": (
        lambda w: {
            "student": w.exported(serve=of_logits(lambda logits: logits + np.inf))
        },
        "serving_default gives logits that are not finite for 64 of 64 images",
    ),
    "a class that is not the largest logit": (
        lambda w: {
            "student": _both(w, of_answer(lambda a: {"class": (a["class"] + 1) % 10}))
        },
        "serving_default gives a class that is not its largest logit for 64 images",
    ),
    "probabilities without softmax": (
        lambda w: {
            "student": _both(w, of_answer(lambda a: {"probabilities": a["logits"]}))
        },
        "probabilities that are not the softmax of its logits for 64 images",
    ),
    "the Keras file of another student": (
        lambda w: {"student": sabotage.other_keras_file(w)},
        "predict_images differs from the trained Keras model",
    ),
    "no Keras file": (
        lambda w: {
            "student": damaged(w, "assets.extra/model.keras", pathlib.Path.unlink)
        },
        "No Keras model at",
    ),
    # It cannot be served.
    "truncated weights": (
        lambda w: {"student": damaged(w, "variables/variables.data*", cut)},
        "the student does not load: IndexError: Read less bytes than requested",
    ),
    "truncated graph": (
        lambda w: {"student": damaged(w, "saved_model.pb", cut)},
        "No loadable model in",
    ),
    "no graph": (
        lambda w: {"student": damaged(w, "saved_model.pb", pathlib.Path.unlink)},
        "no saved_model.pb, there is",
    ),
    "no serving_default": (
        lambda w: {"student": w.exported(names=["predict_images"])},
        "the student has no signature serving_default, found predict_images",
    ),
    "renamed output": (
        lambda w: {"student": w.exported(outputs={"probabilities": "scores"})},
        "returns class, logits, scores, expected also probabilities",
    ),
    "code that only its trainer has": (
        lambda w: {"student": w.exported(serve=sabotage.python_code)},
        "serving_default of the student fails: ",
    ),
    "it hangs": (
        lambda w: {
            "student": w.exported(predict=sabotage.hanging),
            "servability": budget(timeout_s=60.0),
        },
        "s while calling predict_images with 1 image per request, in order",
    ),
    # It costs too much.
    "too slow": (
        lambda w: {
            "student": w.exported(predict=sabotage.heavy),
            "servability": budget(max_times_teacher=2.0),
        },
        "servability.max_times_teacher.1: ",
    ),
    "too slow at worst": (
        lambda w: {"servability": budget(max_p95_ms={"64": 0.001})},
        "servability.max_p95_ms.64: ",
    ),
    "too many bytes": (
        lambda w: {
            "student": w.exported(extra=[tf.Variable(tf.zeros((1024, 1024)))]),
            "servability": budget(max_bytes=1_000_000),
        },
        "servability.max_bytes: 4,",
    ),
    "too many parameters": (
        lambda w: {"servability": budget(max_parameters=8_953)},
        "servability.max_parameters: 8,954 overall, must be at most 8,953: 1 over",
    ),
    # There is nothing to compare it with.
    "no teacher": (
        lambda w: {"teachers": []},
        "there is no teacher to compare the student with",
    ),
    "a teacher of other images": (
        lambda w: {"teachers": [sabotage.colour_teacher(w)]},
        "the teacher takes images of shape (32, 32, 3)",
    ),
    "a teacher of other classes": (
        lambda w: {
            "teachers": [
                w.save(w.student_model, "teacher", class_names=tuple("abcdefghij"))
            ]
        },
        "the teacher has the classes ('a', 'b',",
    ),
    "a teacher of NaN": (
        lambda w: {"teachers": [w.last_layer(lambda weights: weights * np.nan)]},
        "the teacher's predictions for 360 of 360 images are not finite",
    ),
    "an empty test split": (
        lambda w: {"examples": sabotage.without_test_images(w)},
        "the split test is empty",
    ),
    "a class without test images": (
        lambda w: {"examples": sabotage.without_test_images(w, label=5)},
        "gate.min_class_size: 0 class 5",
    ),
}


def _both(world, change):
    return world.exported(predict=change, serve=change)


def test_there_are_enough_of_them():
    assert len(SABOTAGES) + len(FORGERIES) >= 25


def test_the_student_that_all_are_made_from_is_pushed(world):
    pushed, versions = world.push(world.student, world.blessings())
    assert pushed.get_string_custom_property("reason") == ""
    assert versions == [pushed.get_string_custom_property("pushed_version")]


@pytest.mark.attack
@pytest.mark.parametrize("name", INCONSTANT)
def test_answers_that_depend_on_the_request(world, name):
    make, reason = INCONSTANT[name]
    attempt = world.attempt(**make(world))
    assert reason in refusal(*world.brought(attempt, reason))


@pytest.mark.parametrize("name", SABOTAGES)
def test_sabotage(world, name):
    make, reason = SABOTAGES[name]
    attempt = world.attempt(**make(world))
    assert reason in refusal(*world.brought(attempt, reason))

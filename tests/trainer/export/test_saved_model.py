"""The SavedModel answers as the Keras model does, and refuses scaled images."""

import dataclasses
import json
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from small_data import example, png

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model, saved_model_files


def test_both_signatures_answer_as_the_keras_model(exported, evaluation):
    model, folder = exported
    logits = np.asarray(model(evaluation.images))
    signatures = tf.saved_model.load(folder).signatures
    pixels = signatures["predict_images"](images=tf.constant(evaluation.images))
    examples = [example(image=png(image)) for image in evaluation.images]
    encoded = signatures["serving_default"](examples=tf.constant(examples))
    for answer in (pixels, encoded):
        np.testing.assert_allclose(answer["logits"], logits, atol=1e-5)
        np.testing.assert_array_equal(answer["class"], logits.argmax(1))


def test_probabilities_are_the_softmax_of_the_logits(exported, evaluation):
    answer = saved_model.Predictor(exported[1]).predict(evaluation.images)
    exponentials = np.exp(answer["logits"])
    expected = exponentials / exponentials.sum(1, keepdims=True)
    np.testing.assert_allclose(answer["probabilities"], expected, rtol=1e-5)


def test_both_signatures_name_the_class(exported, spec, evaluation, tmp_path):
    names = ("größe", "猫", "both")
    spec = dataclasses.replace(spec, class_names=names)
    saved_model.save(
        exported[0], str(tmp_path), role="teacher", spec=spec, config={},
        history={}, seconds=0,
    )  # fmt: skip
    signatures = tf.saved_model.load(str(tmp_path)).signatures
    examples = [example(image=png(image)) for image in evaluation.images]
    for answer in (
        signatures["predict_images"](images=tf.constant(evaluation.images)),
        signatures["serving_default"](examples=tf.constant(examples)),
    ):
        expected = [names[number].encode() for number in answer["class"].numpy()]
        assert answer["class_name"].numpy().tolist() == expected


def test_scaled_images_are_refused(exported, evaluation):
    with pytest.raises(ModelError, match="float32 .* expected uint8 0-255"):
        saved_model.Predictor(exported[1]).predict(
            (evaluation.images / 255).astype("f4")
        )


def test_the_signature_itself_takes_no_floats(exported, evaluation):
    predict = tf.saved_model.load(exported[1]).signatures["predict_images"]
    with pytest.raises(Exception, match="(?i)uint8"):
        predict(images=tf.constant(evaluation.images / 255, tf.float32))


def test_plain_tensorflow_in_another_process_gives_the_same_classes(
    exported, evaluation, tmp_path
):
    np.save(tmp_path / "images.npy", evaluation.images)
    code = (
        "import sys, json, numpy as np, tensorflow as tf\n"
        "predict = tf.saved_model.load(sys.argv[1]).signatures['predict_images']\n"
        "images = tf.constant(np.load(sys.argv[2]))\n"
        "print(json.dumps(predict(images=images)['class'].numpy().tolist()))"
    )
    command = [sys.executable, "-c", code, exported[1], str(tmp_path / "images.npy")]
    output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
    expected = np.asarray(exported[0](evaluation.images)).argmax(1).tolist()
    assert json.loads(output.splitlines()[-1]) == expected


def test_the_card_says_what_the_model_was_trained_on(exported, spec):
    card = saved_model_files.read_card(exported[1])
    assert (card.role, card.spec, card.num_parameters) == ("teacher", spec, 1091)


def test_a_folder_without_a_model_is_named(tmp_path):
    (tmp_path / "1795629779").mkdir()
    with pytest.raises(ModelError, match=r"no saved_model\.pb, there is 1795629779\."):
        saved_model.Predictor(str(tmp_path))


def test_a_model_without_the_signature_is_refused(tmp_path):
    tf.saved_model.save(tf.Module(), str(tmp_path))
    with pytest.raises(ModelError, match="expected predict_images"):
        saved_model.Predictor(str(tmp_path))

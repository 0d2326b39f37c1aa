"""What is exported answers TensorFlow Serving's REST requests, with TensorFlow alone."""

import numpy as np
import pytest
import rest_answers
import tensorflow as tf
from rest_answers import b64
from small_data import example, png

from tfx_distill.trainer.export import saved_model


def _jpeg(image):
    return tf.io.encode_jpeg(image, quality=100).numpy()


@pytest.fixture(scope="module")
def answers(exported, evaluation):
    """By what was sent, the answers; all of one process."""
    images = evaluation.images[:3]
    files = [b64(png(image)) for image in images]
    records = [b64(example(image=png(image))) for image in images]
    requests = {
        "examples": {"instances": records},
        "named examples": {"instances": [{"examples": one} for one in records]},
        "pixels": {"signature_name": "predict_images", "instances": images.tolist()},
        "files": {"signature_name": "predict_files", "instances": files},
        "named files": {
            "signature_name": "predict_files",
            "instances": [{"image_bytes": one} for one in files],
        },
        "a JPEG file": {
            "signature_name": "predict_files",
            "instances": [b64(_jpeg(images[0]))],
        },
        "columns": {
            "signature_name": "predict_files",
            "inputs": {"image_bytes": files},
        },
        "no image": {"signature_name": "predict_files", "instances": [b64(b"no")]},
        "another size": {
            "signature_name": "predict_files",
            "instances": [b64(png(np.zeros((9, 9, 1), np.uint8)))],
        },
    }
    found = rest_answers.of(exported[1], *requests.values())
    return dict(zip(requests, found, strict=True))


@pytest.fixture(scope="module")
def expected(exported, evaluation):
    return saved_model.Predictor(exported[1]).predict(evaluation.images[:3])


@pytest.mark.parametrize(
    "sent", ["examples", "named examples", "pixels", "files", "named files"]
)
def test_rows_are_answered_row_by_row(answers, expected, sent):
    rows = answers[sent]["predictions"]
    assert {tuple(sorted(row)) for row in rows} == {
        ("class", "class_name", "logits", "probabilities")
    }
    assert [row["class"] for row in rows] == expected["class"].tolist()
    logits = [row["logits"] for row in rows]
    np.testing.assert_allclose(logits, expected["logits"], atol=1e-5)
    names = [name.decode() for name in expected["class_name"].tolist()]
    assert [row["class_name"] for row in rows] == names


def test_columns_are_answered_column_by_column(answers, expected):
    outputs = answers["columns"]["outputs"]
    assert outputs["class"] == expected["class"].tolist()
    np.testing.assert_allclose(outputs["logits"], expected["logits"], atol=1e-5)


def test_a_jpeg_file_is_decoded(answers, expected):
    (row,) = answers["a JPEG file"]["predictions"]
    assert row["class"] == expected["class"][0]


@pytest.mark.parametrize("sent", ["no image", "another size"])
def test_what_is_no_image_of_the_models_shape_is_an_error(answers, sent):
    reason = "image" if sent == "no image" else "shape"
    assert reason in answers[sent]["error"]

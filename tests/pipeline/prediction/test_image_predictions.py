import json

import numpy as np
import pytest

from tfx_distill.pipeline.prediction import image_predictions
from tfx_distill.pipeline.prediction.image_predictions import ImagePredictions


def _predictions(label=0, teacher=(0.7, 0.2, 0.1), student=(0.1, 0.3, 0.6)):
    return ImagePredictions(
        name="test[4]",
        image=np.zeros((8, 8, 1), np.uint8),
        label=label,
        teacher=np.array(teacher, np.float32),
        student=np.array(student, np.float32),
        class_names=("ant", "bee", "cow"),
    )


def test_top_holds_what_either_model_finds_likely():
    assert _predictions().top(2) == [0, 2]
    assert _predictions().top(5) == [0, 2, 1]


def test_right_and_wrong_need_a_label():
    assert _predictions(label=2).is_correct(2) is True
    assert _predictions(label=2).is_correct(0) is False
    assert _predictions(label=None).is_correct(0) is None


def test_dict_is_plain_json():
    found = json.loads(json.dumps(_predictions().as_dict()))
    assert (found["image"], found["label"], found["agree"]) == ("test[4]", 0, False)
    student = found["student"]
    assert (student["class"], student["name"]) == (2, "cow")
    assert student["probability"] == student["probabilities"][2] == pytest.approx(0.6)


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (1.0, "100.0%"), (0.99999, ">99.9%"), (0.9994, "99.9%"), (0.5, "50.0%"),
        (0.0004, "<0.1%"), (0.0, "0.0%"),
    ],
)  # fmt: skip
def test_percent_never_rounds_a_doubt_away(probability, text):
    assert image_predictions.percent(probability) == text


def test_summary_counts_right_answers_and_agreement():
    both = [_predictions(), _predictions(label=1, student=(0.9, 0.05, 0.05))]
    assert image_predictions.summary(both) == (
        "2 images: teacher and student agree on 1; teacher correct on 1, student on 0."
    )
    assert image_predictions.summary([_predictions(label=None)]) == (
        "1 image: teacher and student agree on 0."
    )

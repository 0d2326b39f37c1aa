import json

import numpy as np
import pytest

from tfx_distill.pipeline.prediction import answers
from tfx_distill.pipeline.prediction.answers import Answer


def _answer(label=0, teacher=(0.7, 0.2, 0.1), student=(0.1, 0.3, 0.6)):
    return Answer(
        name="test[4]",
        image=np.zeros((8, 8, 1), np.uint8),
        label=label,
        teacher=np.array(teacher, np.float32),
        student=np.array(student, np.float32),
        class_names=("ant", "bee", "cow"),
    )


def test_top_holds_what_either_model_finds_likely():
    assert _answer().top(2) == [0, 2]
    assert _answer().top(5) == [0, 2, 1]


def test_right_and_wrong_need_a_label():
    assert _answer(label=2).is_right(2) is True
    assert _answer(label=2).is_right(0) is False
    assert _answer(label=None).is_right(0) is None


def test_dict_is_plain_json():
    found = json.loads(json.dumps(_answer().as_dict()))
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
    assert answers.percent(probability) == text


def test_summary_counts_right_answers_and_agreement():
    both = [_answer(), _answer(label=1, student=(0.9, 0.05, 0.05))]
    assert answers.summary(both) == (
        "2 images: teacher and student agree on 1; teacher right on 1, student on 0."
    )
    assert answers.summary([_answer(label=None)]) == (
        "1 image: teacher and student agree on 0."
    )

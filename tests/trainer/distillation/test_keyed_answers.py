"""Answers are joined to the examples by key, whatever the order of the file."""

import dataclasses

import numpy as np
import pyarrow as pa
import pytest

from tfx_distill.trainer.data.example_reader import Split
from tfx_distill.trainer.distillation.answers_file import Answers
from tfx_distill.trainer.distillation.keyed_answers import KeyedAnswers
from tfx_distill.trainer.errors import DataError, ModelError

NAMES = ("ant", "bee", "cat")
SIZES = {"train": 12, "eval": 9, "test": 6}


def _split(labels, pixels):
    """Images of one pixel."""
    return Split(np.array(pixels, np.uint8).reshape(-1, 1, 1, 1), labels)


KEYS = [f"{split}[{i}]" for split, size in SIZES.items() for i in range(size)]
LABELS = np.array([i % 3 for size in SIZES.values() for i in range(size)], np.int32)
TABLE = pa.table(
    {
        "key": KEYS,
        "split": [key.split("[")[0] for key in KEYS],
        "label": pa.array(LABELS, pa.int32()),
    }
)
TRAIN = _split(LABELS[:12], range(12))


def _answers(order=None, shift=0):
    """Logits with the image's place in them."""
    places = np.arange(len(KEYS)) if order is None else np.array(order)
    logits = np.eye(3, dtype=np.float32)[(LABELS[places] + shift) % 3]
    logits[:, 0] += places / 1000
    return Answers([KEYS[i] for i in places], logits, "logits")


def test_the_order_of_the_file_does_not_matter():
    mixed = np.random.default_rng(0).permutation(len(KEYS))
    straight, other = (
        next(KeyedAnswers(answers, TABLE, NAMES).shards("train", TRAIN))
        for answers in (_answers(), _answers(mixed))
    )
    np.testing.assert_array_equal(straight.values, other.values)
    np.testing.assert_array_equal(straight.digests, TRAIN.digests)
    assert straight.values.shape == (12, 1, 3)


def test_images_without_an_answer_are_counted_by_split():
    with pytest.raises(DataError) as error:
        KeyedAnswers(_answers(range(2, 26)), TABLE, NAMES)
    assert str(error.value) == (
        "teacher.answers has no answer for 2 of 12 images of train (train[0], train[1]), "
        "1 of 6 images of test (test[5]). Answer each key that `distill data keys` lists."
    )


def test_unknown_keys_are_counted():
    keys = [*KEYS, "a", "b"]
    extra = Answers(keys, np.vstack([_answers().logits, np.zeros((2, 3))]), "logits")
    assert KeyedAnswers(extra, TABLE, NAMES).num_unknown == 2


def test_a_wrong_order_of_classes_is_named():
    with pytest.raises(ModelError, match="correct for 0.000.*as cat, ant, bee the acc"):
        KeyedAnswers(_answers(shift=1), TABLE, NAMES)


def test_equal_images_get_the_answer_of_the_first():
    keyed = KeyedAnswers(_answers(), TABLE, NAMES)
    twice = _split(TRAIN.labels, np.arange(12) // 2)
    assert keyed.num_inconsistent("train", twice) == 6
    shard = next(keyed.shards("train", twice))
    np.testing.assert_array_equal(shard.values[:, 0, :], _answers().logits[:12:2])


def test_keys_of_other_records_are_refused():
    keyed = KeyedAnswers(_answers(), TABLE, NAMES)
    other = dataclasses.replace(TRAIN, labels=TRAIN.labels[::-1])
    with pytest.raises(
        DataError, match="does not belong to the records of split train"
    ):
        next(keyed.shards("train", other))


def test_unlabelled_images_are_answered_after_those_of_train():
    last = [f"unlabelled[{i}]" for i in range(2)]
    more = {
        "key": last,
        "split": ["unlabelled"] * 2,
        "label": pa.array([-1, -1], pa.int32()),
    }
    answers = Answers(
        [*KEYS, *last], np.vstack([_answers().logits, np.eye(3)[:2]]), "logits"
    )
    keyed = KeyedAnswers(answers, pa.concat_tables([TABLE, pa.table(more)]), NAMES)
    both = _split(np.append(TRAIN.labels, [-1, -1]), range(14))
    values = next(keyed.shards("train", both)).values
    np.testing.assert_array_equal(values[12:, 0], np.eye(3)[:2])

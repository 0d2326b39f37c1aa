"""Answers of any framework are read by key and by class, and checked."""

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from tfx_distill.trainer.config.examples_config import PROBABILITY_FLOOR
from tfx_distill.trainer.distillation import answers_file
from tfx_distill.trainer.errors import DataError

NAMES = ("ant", "bee", "cat")
KEYS = ["train[0]", "train[1]"]
SHARES = [[0.7, 0.2, 0.1], [0.0, 0.5, 0.5]]


@pytest.fixture
def read(tmp_path):
    """A function that writes a file and reads it; arrays make it NPZ."""

    def run(values, kind=None):
        is_npz = "keys" in values
        path = str(tmp_path / ("answers.npz" if is_npz else "answers.parquet"))
        if is_npz:
            np.savez(path, **{k: np.array(v) for k, v in values.items()})
        else:
            parquet.write_table(pa.table(values), path)
        return answers_file.read(path, kind, NAMES)

    return run


def _columns(values, names=NAMES):
    columns = np.array(values).T.tolist()
    return {"key": KEYS, **dict(zip(names, columns, strict=True))}


def test_probabilities_become_logarithms_with_a_floor(read):
    found = read({"key": KEYS, "probabilities": SHARES})
    expected = np.log(np.maximum(SHARES, PROBABILITY_FLOOR))
    np.testing.assert_allclose(found.logits, expected, rtol=1e-6)
    assert (found.keys, found.kind) == (KEYS, "probabilities")


def test_logits_stay_as_they_are(read):
    logits = [[1.5, -2, 0], [3, 4, 5]]
    np.testing.assert_array_equal(read({"keys": KEYS, "logits": logits}).logits, logits)


def test_votes_are_shares_of_the_votes(read):
    found = read({"keys": KEYS, "votes": [[3, 1, 0], [0, 0, 2]]})
    np.testing.assert_allclose(
        np.exp(found.logits), [[0.75, 0.25, 0], [0, 0, 1]], atol=1e-6
    )


def test_columns_named_by_class_are_put_into_the_datas_order(read):
    mixed = [[row[2], row[0], row[1]] for row in SHARES]
    found = read(_columns(mixed, ("cat", "ant", "bee")))
    np.testing.assert_allclose(np.exp(found.logits), SHARES, atol=1e-6)


def test_named_classes_of_an_npz_are_put_into_the_datas_order(read):
    mixed = [row[::-1] for row in SHARES]
    found = read({"keys": KEYS, "probabilities": mixed, "classes": NAMES[::-1]})
    np.testing.assert_allclose(np.exp(found.logits), SHARES, atol=1e-6)


def test_columns_of_the_keys_command_may_stay(read):
    more = {"split": ["train"] * 2, "label": [0, 1], "class": ["ant", "bee"]}
    assert read({**_columns(SHARES), **more}).kind == "probabilities"


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        (_columns(SHARES, ("ant", "bee", "cow")), "missing cat, unknown cow"),
        ({"key": KEYS, "logits": [[1.0, 2.0]] * 2}, "2 classes, the data has 3 .ant, bee"),
        ({"key": KEYS, "logits": [[1.0], [2.0, 3.0]]}, "lists have different lengths"),
        ({"key": ["a", "a"], "logits": SHARES}, "1 keys more than once .a."),
        ({"key": KEYS, "logits": [[0, 0, np.nan], [0, 0, 0.0]]}, "not finite.*train.0.:"),
        ({"key": KEYS, "probabilities": [[0.5, 0.6, 0.2]] * 2}, "do not sum to 1 for 2"),
        ({"key": KEYS, "probabilities": [[1.5, -0.5, 0.0]] * 2}, "negative probabilities"),
        ({"key": KEYS, "votes": [[0, 0, 0], [1, 0, 0]]}, "no votes at all for 1 of 2"),
        ({"key": KEYS, "votes": [[0.5, 0, 0.5]] * 2}, "votes that are no integers"),
        (_columns([[2, 1, 0], [0, 1, 5]]), "set teacher.answers_kind to logits or votes"),
        ({"key": KEYS}, "no column of a class"),
        ({"keys": KEYS, "logits": SHARES[:1]}, "keys are .*values .*1, 3"),
        ({"keys": KEYS, "logits": [["x", "y", "z"]] * 2}, "holds values of type .*U1"),
        ({"keys": KEYS, "scores": SHARES}, "expected one of logits, probabilities, votes"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_in_one_line(read, values, reason):
    with pytest.raises(DataError, match=rf"^teacher.answers: .*{reason}"):
        read(values)


def test_a_kind_that_the_file_contradicts_is_refused(read):
    with pytest.raises(DataError, match="has logits, teacher.answers_kind is votes"):
        read({"key": KEYS, "logits": SHARES}, "votes")


def test_a_file_that_is_none_is_named(tmp_path):
    path = tmp_path / "answers.parquet"
    path.write_bytes(b"no parquet")
    with pytest.raises(DataError, match="answers.parquet cannot be read"):
        answers_file.read(str(path), None, NAMES)

"""A student is distilled, judged and pushed in a pipeline that somebody else wrote."""

import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from ml_metadata.metadata_store import metadata_store
from ml_metadata.proto import metadata_store_pb2 as pb
from sklearn.datasets import load_digits

HERE = pathlib.Path(__file__).resolve().parent
NAMES = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

pytestmark = pytest.mark.e2e


def _write(folder):
    """scikit-learn's digits as the user's records: 24 × 24 pixels, classes by name."""
    digits = load_digits()
    images = np.kron(np.minimum(digits.images * 16, 255), np.ones((3, 3)))
    order = np.random.default_rng(0).permutation(len(images))
    for name, part in zip(
        ("learn", "check", "exam"), np.split(order, [1293, 1437]), strict=True
    ):
        with tf.io.TFRecordWriter(str(folder / f"{name}-0.tfrecord")) as writer:
            for index in part:
                features = tf.train.Example().features
                pixels = images[index].astype(np.uint8)[..., None]
                png = tf.io.encode_png(pixels).numpy()
                features.feature["photo/encoded"].bytes_list.value.append(png)
                label = NAMES[digits.target[index]].encode()
                features.feature["photo/class"].bytes_list.value.append(label)
                example = tf.train.Example(features=features)
                writer.write(example.SerializeToString())


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """The folder of a run of the example."""
    folder = tmp_path_factory.mktemp("foreign")
    (folder / "data").mkdir()
    _write(folder / "data")
    command = [sys.executable, str(HERE / "foreign_pipeline.py")]
    run = subprocess.run(
        [*command, str(folder / "data"), str(folder)], capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr[-4000:]
    return folder


@pytest.fixture(scope="module")
def artifacts(root):
    """A function from the name of a type to its artifacts."""
    config = pb.ConnectionConfig()
    config.sqlite.filename_uri = str(root / "metadata.sqlite")
    return metadata_store.MetadataStore(config).get_artifacts_by_type


def test_the_student_is_pushed_and_serves_the_users_records(root, artifacts):
    (pushed,) = artifacts("PushedModel")
    (version,) = [path for path in (root / "serving").iterdir() if path.name.isdigit()]
    assert pushed.custom_properties["pushed_destination"].string_value == str(version)
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    records = tf.data.TFRecordDataset(str(root / "data" / "exam-0.tfrecord")).batch(360)
    (batch,) = records
    classes = serve(examples=batch)["class"].numpy()
    features = {"photo/class": tf.io.FixedLenFeature([], tf.string)}
    labels = tf.io.parse_example(batch, features)["photo/class"].numpy()
    expected = [NAMES.index(label.decode()) for label in labels]
    assert np.mean(classes == expected) > 0.85


def test_the_teacher_logits_note_that_they_were_probabilities(artifacts):
    (logits,) = artifacts("tfx_distill.TeacherLogits")
    assert logits.custom_properties["teacher_outputs"].string_value == "probabilities"


def test_both_blessings_are_of_the_students_own_artifact(artifacts):
    student = artifacts("Model")[1]
    (blessing,) = artifacts("ModelBlessing")
    (infra,) = artifacts("InfraBlessing")
    for given in (blessing, infra):
        assert given.custom_properties["current_model"].string_value == student.uri
        assert given.custom_properties["blessed"].int_value == 1

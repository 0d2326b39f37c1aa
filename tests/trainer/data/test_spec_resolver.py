"""What examples of any ExampleGen look like: found out, or which parameter to set."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import text_format
from small_data import example, png
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.data import example_reader, spec_resolver
from tfx_distill.trainer.errors import DataError

SPLITS = {"train_split": "learn", "eval_split": "check", "test_split": "check"}
SCHEMA = """
feature { name: "photo/encoded" type: BYTES }
feature { name: "photo/class" type: BYTES domain: "photo/class" }
string_domain { name: "photo/class" value: ["left", "right", "both"] }
"""


@pytest.fixture
def examples_dir(evaluation, tmp_path):
    """Records with class names, 20 in the split `learn`, 4 in `check`."""
    names = ["left", "right", "both"]
    records = [
        example(**{"photo/encoded": png(i), "photo/class": names[label].encode()})
        for i, label in zip(evaluation.images, evaluation.labels, strict=True)
    ]
    return _write(tmp_path, learn=records[:20], check=records[20:])


def _write(folder, **splits):
    for name, records in splits.items():
        (folder / f"Split-{name}").mkdir()
        path = folder / f"Split-{name}" / "data_tfrecord-00000-of-00001.gz"
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for record in records:
                writer.write(record)
    return str(folder)


def _schema(text=SCHEMA):
    return text_format.Parse(text, schema_pb2.Schema())


def test_the_schema_says_what_the_parameters_leave_out(examples_dir):
    spec = spec_resolver.resolve(examples_dir, ExamplesConfig(**SPLITS), _schema())
    assert (spec.image_feature, spec.label_feature) == ("photo/encoded", "photo/class")
    assert spec.class_names == ("left", "right", "both")
    assert spec.image_shape == (8, 8, 1)
    assert spec.num_examples == {"train": 20, "eval": 4, "test": 4}


def test_class_names_become_indices(examples_dir, evaluation):
    spec = spec_resolver.resolve(examples_dir, ExamplesConfig(**SPLITS), _schema())
    split = example_reader.load_split(examples_dir, "train", spec)
    np.testing.assert_array_equal(split.labels, evaluation.labels[:20])
    np.testing.assert_array_equal(split.images, evaluation.images[:20])


def test_parameters_win_over_the_schema(examples_dir):
    config = ExamplesConfig(
        **SPLITS, class_names=("both", "left", "right"), image_shape=(4, 4, 1)
    )
    spec = spec_resolver.resolve(examples_dir, config, _schema())
    assert (spec.class_names[0], spec.image_shape) == ("both", (4, 4, 1))
    split = example_reader.load_split(examples_dir, "eval", spec)
    assert split.images.shape == (4, 4, 4, 1)


def test_parameters_win_over_what_our_example_gen_wrote(spec, tmp_path):
    spec.save(str(tmp_path))
    assert spec_resolver.resolve(str(tmp_path), ExamplesConfig()) == spec
    config = ExamplesConfig(test_split="eval", class_names=("a", "b", "c"))
    found = spec_resolver.resolve(str(tmp_path), config)
    assert (found.class_names, found.split_names) == (("a", "b", "c"), {"test": "eval"})
    assert found.num_examples == {"train": 96, "eval": 24, "test": 24}
    assert found.image_shape == spec.image_shape


def test_a_split_without_files_has_no_records(examples_dir, tmp_path):
    (tmp_path / "Split-none").mkdir()
    config = ExamplesConfig(**{**SPLITS, "eval_split": "none"})
    spec = spec_resolver.resolve(examples_dir, config, _schema())
    assert spec.num_examples == {"train": 20, "eval": 0, "test": 4}


def test_a_label_that_is_no_class_is_named(examples_dir):
    config = ExamplesConfig(**SPLITS, class_names=("left", "right"))
    spec = spec_resolver.resolve(examples_dir, config, _schema())
    with pytest.raises(
        DataError, match="split learn.*unknown label, expected one of l"
    ):
        example_reader.load_split(examples_dir, "train", spec)


def test_integer_labels_take_their_classes_from_an_int_domain(evaluation, tmp_path):
    records = [
        example(photo=png(i), kind=int(label))
        for i, label in zip(evaluation.images, evaluation.labels, strict=True)
    ]
    folder = _write(tmp_path, train=records, eval=records)
    schema = _schema(
        'feature { name: "photo" type: BYTES } '
        'feature { name: "kind" type: INT int_domain { min: 0 max: 2 } }'
    )
    spec = spec_resolver.resolve(folder, ExamplesConfig(), schema)
    assert (spec.label_feature, spec.class_names) == ("kind", ("0", "1", "2"))
    assert spec.num_examples == {"train": 24, "eval": 24}


@pytest.mark.parametrize(
    "config, schema, message",
    [
        ({}, None, "no data_spec.json and no schema was given. Set image_feature"),
        ({"image_feature": "picture", "label_feature": "photo/class"}, None,
         "no feature picture, there are photo/class, photo/encoded"),
        ({"image_feature": "photo/class", "label_feature": "photo/class"}, None,
         "photo/class does not decode, expected a PNG or JPEG file"),
        ({"image_feature": "photo/encoded", "label_feature": "photo/class"}, None,
         "The classes of the label photo/class are unknown.*Set class_names"),
        ({"train_split": "lern"}, SCHEMA, "no files of split lern; their splits are ch"),
    ],
)  # fmt: skip
def test_what_stays_unknown_is_said(examples_dir, config, schema, message):
    with pytest.raises(DataError, match=message):
        spec_resolver.resolve(
            examples_dir,
            ExamplesConfig(**{**SPLITS, **config}),
            _schema(schema) if schema else None,
        )

"""Single records of an Examples artifact: read, parsed, and their images decoded."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfx_distill.trainer.data import image_fitting
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.data.raw_images import UNLABELLED


def read_records(files: Sequence[str]) -> tf.data.Dataset:
    """The serialized records of TFRecord files, in order."""
    compression = "GZIP" if files[0].endswith(".gz") else ""
    return tf.data.TFRecordDataset(list(files), compression_type=compression)


def parse_example(serialized: tf.Tensor, spec: DataSpec) -> tuple[tf.Tensor, tf.Tensor]:
    """Image file and label of one serialized example.

    Returns:
        string scalar, and int64 or string scalar, as the examples have it.
    """
    label_type = tf.string if spec.string_labels else tf.int64
    features = {
        spec.image_feature: tf.io.FixedLenFeature([], tf.string),
        spec.label_feature: tf.io.FixedLenFeature([], label_type),
    }
    parsed = tf.io.parse_single_example(serialized, features)
    return parsed[spec.image_feature], parsed[spec.label_feature]


def parse_image(serialized: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """As `parse_example`, of an example that need not have a label."""
    features = {spec.image_feature: tf.io.FixedLenFeature([], tf.string)}
    return tf.io.parse_single_example(serialized, features)[spec.image_feature]


def parse_record(
    serialized: tf.Tensor, split: str, spec: DataSpec
) -> tuple[tf.Tensor, tf.Tensor | None]:
    """As `parse_example`; no label where none is read, in the split `unlabelled`."""
    if split == UNLABELLED:
        return parse_image(serialized, spec), None
    return parse_example(serialized, spec)


def class_indices(spec: DataSpec) -> Callable[[tf.Tensor], tf.Tensor]:
    """A function from labels to class indices; -1 for a name that is no class."""
    if not spec.string_labels:
        return lambda label: label
    names, indices = list(spec.class_names), list(range(spec.num_classes))
    rows = tf.lookup.KeyValueTensorInitializer(names, indices, tf.string, tf.int64)
    return tf.lookup.StaticHashTable(rows, -1).lookup


def decode_image(encoded: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes one image as training and serving both do.

    Args:
        encoded: Scalar string, a PNG or JPEG file.
        spec: Says the shape, and how an image of another one is fitted.

    Returns:
        uint8 `(height, width, channels)` in 0–255.
    """
    # channels=0 keeps those of the file: what to do with others is not the decoder's
    # choice, and the one for GIF and BMP knows no grey.
    image = tf.io.decode_image(encoded, channels=0, expand_animations=False)
    if spec.fit is not None:
        return image_fitting.convert(image, spec.image_shape, spec.fit)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(tf.shape(image), spec.image_shape, "image shape")]
    ):
        return tf.ensure_shape(tf.identity(image), spec.image_shape)


def decode_examples(serialized: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """Decodes the images of serialized examples, which need no label.

    Args:
        serialized: string `(batch,)`, `tf.train.Example`s.
        spec: Names the image's feature; see `decode_image`.

    Returns:
        uint8 `(batch, height, width, channels)` in 0–255.
    """
    features = {spec.image_feature: tf.io.FixedLenFeature([], tf.string)}
    encoded = tf.io.parse_example(serialized, features)[spec.image_feature]
    return decode_images(encoded, spec)


def decode_images(encoded: tf.Tensor, spec: DataSpec) -> tf.Tensor:
    """As `decode_image`, of string `(batch,)`."""
    signature = tf.TensorSpec(spec.image_shape, tf.uint8)
    return tf.map_fn(
        lambda e: decode_image(e, spec), encoded, fn_output_signature=signature
    )

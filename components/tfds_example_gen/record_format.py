"""Which features of a TFDS data set are the image and its class."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
import tensorflow_datasets as tfds
from google.protobuf import message

from tfx_distill.components.tfds_example_gen import dataset_source
from tfx_distill.components.tfds_example_gen.record_files import DamagedFile, Piece
from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.data.photo_normaliser import UnreadableImage
from tfx_distill.trainer.errors import DataError

_CHANNELS = {1: 1, 3: 3, 4: 3}  # of the images, and of the examples: alpha is dropped
_RIEGELI = "riegeli"


@dataclasses.dataclass(frozen=True)
class RecordFormat:
    """What the records of a data set look like.

    Attributes:
        image_key: Feature that holds the encoded image.
        label_key: Feature that holds the label.
        shape: (height, width, channels) in pixels; None: they vary.
        class_names: In label order.
        labels: What records hold as labels, in label order; empty: class indices.
    """

    image_key: str
    label_key: str
    shape: tuple[int | None, int | None, int]
    class_names: tuple[str, ...]
    labels: tuple[int | str, ...] = ()

    def index(self, label: int | str) -> int:
        """The class index of a label as records hold it.

        Raises:
            UnreadableImage: If it is no class.
        """
        if not self.labels:
            last = len(self.class_names) - 1
            if isinstance(label, int) and 0 <= label <= last:
                return label
            raise UnreadableImage(f"label {label} is outside 0 to {last}")
        if label not in self._indices:
            raise UnreadableImage(f"label {label} is none of the data set's")
        return self._indices[label]

    @functools.cached_property
    def _indices(self) -> dict[int | str, int]:
        return {label: index for index, label in enumerate(self.labels)}


def label_of(example: tf.train.Example, key: str) -> int | str:
    """The one label of a record.

    Raises:
        UnreadableImage: If it has none, or several.
    """
    feature = example.features.feature[key]
    values = feature.int64_list.value or feature.bytes_list.value
    if len(values) != 1:
        raise UnreadableImage(f"feature {key} has {len(values)} values, not one")
    label = values[0]
    return label.decode(errors="replace") if isinstance(label, bytes) else label


def find(
    builder: tfds.core.DatasetBuilder,
    data: DataConfig,
    pieces: Callable[[], Sequence[Piece]],
) -> RecordFormat:
    """Finds image and label among the data set's features, whatever their names.

    They are those that `data` names, else the supervised keys, else the only image and
    the only class label. A label that is plain text or an integer is read from all
    records, to know the classes.

    Args:
        builder: The data set.
        data: May name the features.
        pieces: Returns where the records are.

    Raises:
        DataError: If it has no image of 8 or 16 bits with one class as label.
    """
    features = builder.info.features
    if not isinstance(features, tfds.features.FeaturesDict):
        raise _unsuitable(builder, "the image and the label are")
    image_key = _image_key(builder, data, features)
    label_key = _label_key(builder, data, features)
    _require_readable(builder)
    shape = _shape(builder, features[image_key])
    label = features[label_key]
    if isinstance(label, tfds.features.ClassLabel) and label.num_classes:
        return RecordFormat(image_key, label_key, shape, tuple(label.names))
    labels = _distinct_labels(label_key, pieces())
    return RecordFormat(image_key, label_key, shape, tuple(map(str, labels)), labels)


def _image_key(
    builder: tfds.core.DatasetBuilder, data: DataConfig, features: Mapping[str, Any]
) -> str:
    images = [k for k, f in features.items() if isinstance(f, tfds.features.Image)]
    return _key(builder, "image", data.image_feature, images, images)


def _label_key(
    builder: tfds.core.DatasetBuilder, data: DataConfig, features: Mapping[str, Any]
) -> str:
    classes = [k for k, f in features.items() if type(f) is tfds.features.ClassLabel]
    plain = [
        key
        for key, feature in features.items()
        if getattr(feature, "shape", None) == ()
        and (feature.np_dtype in (str, object) or _is_integer(feature.np_dtype))
    ]
    return _key(builder, "label", data.label_feature, classes, classes + plain)


def _is_integer(dtype: Any) -> bool:
    return np.issubdtype(dtype, np.integer)


def _key(
    builder: tfds.core.DatasetBuilder,
    what: str,
    given: str | None,
    likely: Sequence[str],
    possible: Sequence[str],
) -> str:
    keys = builder.info.supervised_keys
    supervised: str = keys[what == "label"] if keys and len(keys) == 2 else ""
    only = likely[0] if len(likely) == 1 else ""
    chosen = given or (supervised if supervised in possible else only)
    if chosen in possible:
        return chosen
    received = (
        f"data.{what}_feature: {given}" if given else f"its supervised keys: {keys}"
    )
    fitting = ", ".join(sorted(possible)) or "none"
    raise _unsuitable(builder, f"the {what} is ({received}; suitable: {fitting})")


def _unsuitable(builder: tfds.core.DatasetBuilder, unknown: str) -> DataError:
    features = builder.info.features
    has = type(features).__name__
    if isinstance(features, tfds.features.FeaturesDict):
        has = ", ".join(
            f"{k} ({type(f).__name__})" for k, f in sorted(features.items())
        )
    return DataError(
        f"Data set {dataset_source.full_name(builder)} does not say what {unknown}. Its "
        f"features: {has}. Set data.image_feature to an Image and data.label_feature to "
        "a ClassLabel, text or an integer, or choose another data.dataset."
    )


def _shape(
    builder: tfds.core.DatasetBuilder, image: tfds.features.Image
) -> tuple[int | None, int | None, int]:
    shape, dtype = tuple(image.shape), np.dtype(image.np_dtype).name
    if dtype not in ("uint8", "uint16") or len(shape) != 3 or shape[2] not in _CHANNELS:
        raise DataError(
            f"Data set {dataset_source.full_name(builder)} has images of type {dtype} "
            f"and shape {shape}, expected uint8 or uint16, and (height, width, 1, 3 or 4 "
            "channels). Choose another data.dataset."
        )
    return shape[0], shape[1], _CHANNELS[shape[2]]


def _require_readable(builder: tfds.core.DatasetBuilder) -> None:
    file_format = builder.info.file_format.value
    if file_format == _RIEGELI and not importlib.util.find_spec(_RIEGELI):
        raise DataError(
            f"Data set {dataset_source.full_name(builder)} in {builder.data_dir} is in "
            f"{file_format} files, and the package {_RIEGELI} is not installed. Install "
            "it, or convert the files to tfrecord or array_record."
        )


def _distinct_labels(key: str, pieces: Sequence[Piece]) -> tuple[int | str, ...]:
    """All labels that there are: in alphabetical or numerical order."""
    labels: set[int | str] = set()
    for piece in pieces:
        # What is damaged is told, with its place, when the images are read.
        with contextlib.suppress(DamagedFile, message.DecodeError, UnreadableImage):
            for record in piece.records():
                labels.add(label_of(tf.train.Example.FromString(record), key))
    return tuple(sorted(labels, key=lambda label: (isinstance(label, str), label)))

"""Images and labels from the files of an Examples artifact, without TensorFlow.

Importing TensorFlow would take longer than everything else in a report.
"""

from __future__ import annotations

import gzip
import pathlib
import struct
from collections.abc import Iterable, Iterator
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    text_format,
)

from tfx_distill.trainer.data.data_spec import IMAGE_FEATURE, LABEL_FEATURE

# As tensorflow/core/example/{example,feature}.proto, without what is not read.
_DECLARATION = """
name: "records.proto" package: "records" syntax: "proto3"
message_type {
  name: "Bytes"
  field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_BYTES }
}
message_type {
  name: "Integers"
  field { name: "value" number: 1 label: LABEL_REPEATED type: TYPE_INT64 }
}
message_type {
  name: "Feature"
  field {
    name: "bytes_list" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".records.Bytes"
  }
  field {
    name: "int64_list" number: 3 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".records.Integers"
  }
}
message_type {
  name: "Features"
  field {
    name: "feature" number: 1 label: LABEL_REPEATED type: TYPE_MESSAGE
    type_name: ".records.Features.FeatureEntry"
  }
  nested_type {
    name: "FeatureEntry" options { map_entry: true }
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field {
      name: "value" number: 2 label: LABEL_OPTIONAL type: TYPE_MESSAGE
      type_name: ".records.Feature"
    }
  }
}
message_type {
  name: "Example"
  field {
    name: "features" number: 1 label: LABEL_OPTIONAL type: TYPE_MESSAGE
    type_name: ".records.Features"
  }
}
"""


def serialized(examples_dir: str, split: str) -> Iterator[bytes]:
    """Yields the records of a split in order.

    Raises:
        ValueError: If a file ends in the middle of a record.
        FileNotFoundError: If there are none.
    """
    folder = pathlib.Path(examples_dir, f"Split-{split}")
    files = sorted(folder.glob("*.gz"))
    if not files:
        raise FileNotFoundError(f"no records in {folder}")
    for path in files:
        with gzip.open(path, "rb") as file:
            # Each record: its length, a checksum, itself, a checksum.
            while header := file.read(12):
                (length,) = struct.unpack("<Q", header[:8].ljust(8, b"\0"))
                if len(header) < 12 or length > 2**31:
                    raise ValueError(f"{path} is damaged")
                record = file.read(length)
                if len(record) < length or len(file.read(4)) < 4:
                    raise ValueError(f"{path} ends in the middle of a record")
                yield record


def read(
    examples_dir: str, split: str, wanted: Iterable[int]
) -> dict[int, tuple[bytes, int]]:
    """Image file and label of the records at some positions.

    Raises:
        ValueError: As `serialized`; also for a record without image or label.
    """
    missing, found = set(wanted), {}
    if not missing:
        return {}
    for position, record in enumerate(serialized(examples_dir, split)):
        if position in missing:
            found[position] = image_and_label(record)
            missing.discard(position)
            if not missing:
                break
    return found


def labels(examples_dir: str, split: str) -> Iterator[int]:
    """The labels of a split in order; errors as `read`."""
    for record in serialized(examples_dir, split):
        yield image_and_label(record)[1]


def image_and_label(record: bytes) -> tuple[bytes, int]:
    """Image file and label of a serialized `tf.train.Example`.

    Raises:
        ValueError: If it does not hold both.
    """
    try:
        features = _Example.FromString(record).features.feature
        image = features[IMAGE_FEATURE].bytes_list.value
        label = features[LABEL_FEATURE].int64_list.value
    except Exception as error:  # protobuf's DecodeError is not always a ValueError
        raise ValueError(f"a record is not a tf.train.Example: {error}") from None
    if not image or not label:
        raise ValueError("a record has no image or no label")
    return image[0], label[0]


def _message_class() -> Any:
    """`tf.train.Example`, declared here: importing TensorFlow takes many seconds.

    It is in a pool of its own, so that TensorFlow may declare its own as well.
    """
    file = text_format.Parse(_DECLARATION, descriptor_pb2.FileDescriptorProto())
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("records.Example")
    if hasattr(message_factory, "GetMessageClass"):
        return message_factory.GetMessageClass(found)
    return message_factory.MessageFactory(pool).GetPrototype(found)  # protobuf 3


_Example = _message_class()

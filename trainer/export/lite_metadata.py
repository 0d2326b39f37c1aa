"""Class names inside a LiteRT file, as TensorFlow Lite's metadata defines it.

The file names `labels.txt` as the labels of its output, in a FlatBuffer of the schema
`metadata_schema.fbs`, and `labels.txt` itself is in a ZIP archive at the file's end:
interpreters ignore it, and any tool for ZIP files reads it. The library that writes
metadata, `tflite-support`, ended in 2023 and installs beside no current TensorFlow.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence

import flatbuffers

# As TensorFlow's own converter writes its metadata. There is no public way.
from tensorflow.lite.python import schema_py_generated as schema
from tensorflow.lite.tools import flatbuffer_utils

LABELS_FILE = "labels.txt"
METADATA_NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_TENSOR_AXIS_LABELS = 2  # AssociatedFileType
_FIXED_TIME = (1980, 1, 1, 0, 0, 0)  # equal models give equal files


def with_class_names(content: bytes, class_names: Sequence[str]) -> bytes:
    """A `.tflite` file with the names of its classes.

    Args:
        content: Of a file without metadata.
        class_names: One for each logit, in their order.
    """
    model = flatbuffer_utils.convert_bytearray_to_object(bytearray(content))
    buffer = schema.BufferT()
    buffer.data = list(_metadata())
    model.buffers.append(buffer)
    entry = schema.MetadataT()
    entry.name, entry.buffer = METADATA_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or ()), entry]
    file = io.BytesIO(flatbuffer_utils.convert_object_to_bytearray(model))
    labels = zipfile.ZipInfo(LABELS_FILE, _FIXED_TIME)
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr(labels, "\n".join(class_names))
    return file.getvalue()


def class_names(content: bytes) -> tuple[str, ...]:
    """The names in a `.tflite` file; empty if it has none."""
    file = io.BytesIO(content)
    if not zipfile.is_zipfile(file):
        return ()
    with zipfile.ZipFile(file) as archive:
        return tuple(archive.read(LABELS_FILE).decode().split("\n"))


def _metadata() -> bytes:
    """ModelMetadata → SubGraphMetadata → TensorMetadata → AssociatedFile."""
    builder = flatbuffers.Builder()
    labels = _table(
        builder, 5, {0: builder.CreateString(LABELS_FILE)}, {2: _TENSOR_AXIS_LABELS}
    )
    name = builder.CreateString("logits")
    output = _table(builder, 7, {0: name, 6: _vector(builder, labels)})
    images = _table(builder, 7, {0: builder.CreateString("images")})
    inputs, outputs = _vector(builder, images), _vector(builder, output)
    graph = _table(builder, 7, {2: inputs, 3: outputs})
    version = builder.CreateString("1.0.0")  # min_parser_version
    model = _table(builder, 8, {3: _vector(builder, graph), 7: version})
    builder.Finish(model, _IDENTIFIER)
    return bytes(builder.Output())


def _table(
    builder: flatbuffers.Builder,
    num_fields: int,
    offsets: Mapping[int, int],
    small: Mapping[int, int] | None = None,
) -> int:
    """A table from offsets and uint8 values by their field's number."""
    builder.StartObject(num_fields)
    for field, offset in offsets.items():
        builder.PrependUOffsetTRelativeSlot(field, offset, 0)
    for field, value in (small or {}).items():
        builder.PrependUint8Slot(field, value, 0)
    return builder.EndObject()


def _vector(builder: flatbuffers.Builder, offset: int) -> int:
    """A vector of one table."""
    builder.StartVector(4, 1, 4)
    builder.PrependUOffsetTRelative(offset)
    return builder.EndVector()

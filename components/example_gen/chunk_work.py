"""What Beam's workers do: bring a chunk of images into one form, write it and its facts.

Imports no TFX: a worker process that starts up loads this module.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence

import apache_beam as beam
import tensorflow as tf

from tfx_distill.trainer.data import canonical_images, image_facts
from tfx_distill.trainer.data.canonical_images import Fact, Form
from tfx_distill.trainer.data.data_spec import IMAGE_FEATURE, LABEL_FEATURE
from tfx_distill.trainer.data.image_facts import Facts
from tfx_distill.trainer.data.raw_images import Chunk
from tfx_distill.trainer.errors import DataError

_FACTS_DIR = ".facts"


class WriteChunk(beam.DoFn):
    """Writes a `Chunk` as one file for each split, and its facts beside them."""

    def __init__(self, examples_uri: str, form: Form) -> None:
        self._examples_uri, self._form = examples_uri, form

    def process(self, chunk: Chunk) -> None:
        # Runners may do one piece of work twice, and at the same time.
        attempt = f"{os.getpid()}-{id(self):x}.tmp"
        path = _facts_path(self._examples_uri, chunk)
        try:
            with _Files(self._examples_uri, chunk, attempt) as files:
                facts = Facts.of(self._written(chunk, files))
            facts.save(f"{path}.{attempt}")
        except DataError as error:
            # Beam would bring it back inside a traceback inside a RuntimeError.
            image_facts.save_error(f"{path}.{attempt}", error)
        tf.io.gfile.rename(f"{path}.{attempt}", path, overwrite=True)

    def _written(self, chunk: Chunk, files: _Files) -> Iterator[Fact]:
        serialized = _Serializer()
        for fact, encoded in canonical_images.convert_chunk(chunk, self._form):
            if not fact.bad:
                files.write(fact.split, serialized(encoded, fact.label))
            yield fact


class _Files:
    """The files of one chunk, one for each split that it has images of."""

    def __init__(self, examples_uri: str, chunk: Chunk, attempt: str) -> None:
        self._examples_uri, self._attempt = examples_uri, attempt
        self._name = f"data_tfrecord-{chunk.index:05d}-of-{chunk.num_chunks:05d}.gz"
        self._writers: dict[str, tf.io.TFRecordWriter] = {}
        self._open = contextlib.ExitStack()

    def __enter__(self) -> _Files:
        return self

    def write(self, split: str, record: bytes) -> None:
        if split not in self._writers:
            path = f"{self._path(split)}.{self._attempt}"
            tf.io.gfile.makedirs(os.path.dirname(path))  # `unlabelled` is optional
            writer = tf.io.TFRecordWriter(path, "GZIP")
            self._writers[split] = self._open.enter_context(writer)
        self._writers[split].write(record)

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._open.close()
        for split in self._writers:
            temporary = f"{self._path(split)}.{self._attempt}"
            if kind is None:
                tf.io.gfile.rename(temporary, self._path(split), overwrite=True)
            else:
                tf.io.gfile.remove(temporary)

    def _path(self, split: str) -> str:
        """Named as the files of TFX's own ExampleGens."""
        return os.path.join(self._examples_uri, f"Split-{split}", self._name)


class _Serializer:
    """Makes serialized examples. One message serves for all: a new one costs more."""

    def __init__(self) -> None:
        self._example = tf.train.Example()
        features = self._example.features.feature
        self._image = features[IMAGE_FEATURE].bytes_list.value
        self._label = features[LABEL_FEATURE].int64_list.value
        self._image.append(b"")
        self._label.append(0)

    def __call__(self, encoded: bytes, label: int) -> bytes:
        self._image[0], self._label[0] = encoded, label
        # Not in the order of a hash table: equal data must give equal files.
        return self._example.SerializeToString(deterministic=True)


def make_folders(examples_uri: str, splits: Sequence[str]) -> None:
    """Makes the folders that `WriteChunk` writes to."""
    for name in (*(f"Split-{split}" for split in splits), _FACTS_DIR):
        tf.io.gfile.makedirs(os.path.join(examples_uri, name))


def take_facts(examples_uri: str, chunks: Sequence[Chunk]) -> Facts:
    """Reads the facts of all chunks, in their order, and removes their files.

    Raises:
        DataError: If a chunk could not be read; the first one's, whatever the order in
            which Beam did them.
    """
    facts = Facts.joined(Facts.load(_facts_path(examples_uri, c)) for c in chunks)
    tf.io.gfile.rmtree(os.path.join(examples_uri, _FACTS_DIR))
    return facts


def _facts_path(examples_uri: str, chunk: Chunk) -> str:
    return os.path.join(examples_uri, _FACTS_DIR, f"{chunk.key}.npz")

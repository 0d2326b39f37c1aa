"""What later steps must know about the examples, as one typed value.

`TfdsExampleGen` writes it twice: as properties of the Examples artifact, for
people and queries, and as `data_spec.json` in the artifact's folder, for
executors, which see files and not ML Metadata.
"""

from __future__ import annotations

import dataclasses
import json
import os

from tfx_distill.trainer.errors import DataError

FILE_NAME = "data_spec.json"

# The two features of every record that `TfdsExampleGen` writes.
IMAGE_FEATURE = "image"  # bytes: one PNG or JPEG file
LABEL_FEATURE = "label"  # int64: index into `class_names`


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSpec:
    """One image-classification data set as it went into the pipeline.

    Attributes:
        dataset: TFDS name, with its builder configuration if it has one.
        version: TFDS version, such as `3.0.1`.
        image_shape: (height, width, channels) in pixels; channels is 1 or 3.
        class_names: One name for each label, in label order.
        num_examples: Number of records in each split, by split name.
        resize: Whether images are resized to `image_shape` after decoding.
            When false, an image of another shape is an error.
        fingerprint: Hash of the content of the data set's files.
    """

    dataset: str
    version: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    num_examples: dict[str, int]
    resize: bool = False
    fingerprint: str = ""

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def to_json(self) -> str:
        return json.dumps(dataclasses.asdict(self), indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DataSpec:
        fields = json.loads(text)
        fields["image_shape"] = tuple(fields["image_shape"])
        fields["class_names"] = tuple(fields["class_names"])
        return cls(**fields)

    def save(self, examples_dir: str) -> None:
        with open(os.path.join(examples_dir, FILE_NAME), "w", encoding="utf-8") as f:
            f.write(self.to_json())

    @classmethod
    def load(cls, examples_dir: str) -> DataSpec:
        """Reads the specification beside the splits of an Examples artifact.

        Raises:
            DataError: If the folder has none, as when another ExampleGen wrote it.
        """
        path = os.path.join(examples_dir, FILE_NAME)
        try:
            with open(path, encoding="utf-8") as f:
                return cls.from_json(f.read())
        except FileNotFoundError:
            raise DataError(
                f"Examples in {examples_dir} have no {FILE_NAME}. "
                "Use examples that TfdsExampleGen wrote."
            ) from None

"""What later steps must know about the examples, as one typed value.

Our ExampleGens write it twice: as properties of the Examples artifact, for people and
queries, and as `data_spec.json` in the artifact's folder, for executors. For examples
of another ExampleGen, `spec_resolver` makes it.
"""

from __future__ import annotations

import dataclasses
import json
import os
from typing import Any

from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DataError

FILE_NAME = "data_spec.json"

# The two features of every record that our ExampleGens write.
IMAGE_FEATURE = "image"  # bytes: one PNG or JPEG file
LABEL_FEATURE = "label"  # int64: index into `class_names`
_OWN_NAMES: tuple[tuple[str, Any], ...] = (
    ("image_feature", IMAGE_FEATURE),
    ("label_feature", LABEL_FEATURE),
    ("string_labels", False),
    ("split_names", {}),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataSpec:
    """One image-classification data set as it went into the pipeline.

    Attributes:
        dataset: TFDS name, with its builder configuration if it has one; the name of
            a folder of images; for other examples, their artifact's name.
        version: TFDS version, such as `3.0.1`; empty for other examples.
        image_shape: (height, width, channels) in pixels; channels is 1 or 3.
        class_names: One name for each label, in label order.
        num_examples: Number of records by split: `train`, `eval`, `test`; `unlabelled`
            if there is one.
        fit: How an image of another shape is brought to `image_shape` after decoding:
            `crop`, `pad` or `stretch`. None: it is an error.
        fingerprint: Hash of the content of the data set's files.
        image_feature: Name of the feature that holds one PNG or JPEG file.
        label_feature: Name of the feature that holds the label.
        string_labels: Whether labels are class names rather than their indices.
        split_names: What these splits are called in the artifact, where they have other
            names.
    """

    dataset: str
    version: str
    image_shape: tuple[int, int, int]
    class_names: tuple[str, ...]
    num_examples: dict[str, int]
    fit: str | None = None
    fingerprint: str = ""
    image_feature: str = IMAGE_FEATURE
    label_feature: str = LABEL_FEATURE
    string_labels: bool = False
    split_names: dict[str, str] = dataclasses.field(default_factory=dict)

    @property
    def num_classes(self) -> int:
        return len(self.class_names)

    def split_name(self, split: str) -> str:
        """What a split is called in the artifact."""
        return self.split_names.get(split, split)

    def to_json(self) -> str:
        """Returns JSON without the names that our ExampleGens give to features."""
        values = dataclasses.asdict(self)
        given = {k: v for k, v in values.items() if (k, v) not in _OWN_NAMES}
        return json.dumps(given, indent=2, sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> DataSpec:
        fields = json.loads(text)
        fields["image_shape"] = tuple(fields["image_shape"])
        fields["class_names"] = tuple(fields["class_names"])
        if fields.pop("resize", False):  # of models and examples of earlier versions
            fields["fit"] = "stretch"
        return cls(**fields)

    def save(self, examples_dir: str) -> None:
        with file_system.open_file(os.path.join(examples_dir, FILE_NAME), "w") as file:
            file.write(self.to_json())

    @classmethod
    def load(cls, examples_dir: str) -> DataSpec:
        """Reads the specification beside the splits of an Examples artifact.

        Raises:
            DataError: If the folder has none, as when another ExampleGen wrote it.
        """
        path = os.path.join(examples_dir, FILE_NAME)
        try:
            with file_system.open_file(path) as file:
                return cls.from_json(file.read())
        except FileNotFoundError:
            raise DataError(
                f"Examples in {examples_dir} have no {FILE_NAME}. Use examples that "
                "an ExampleGen of this package wrote, or set the names of their features."
            ) from None

"""The `DataSpec` of examples: from `data_spec.json`, or from parameters and schema."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable

import tensorflow as tf
from tensorflow_metadata.proto.v0 import schema_pb2

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.data import data_spec, example_reader, example_records
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.errors import DataError


def resolve(
    examples_dir: str,
    config: ExamplesConfig,
    schema: schema_pb2.Schema | None = None,
    *,
    dataset: str = "",
    fingerprint: str = "",
) -> DataSpec:
    """Finds out what the examples of any ExampleGen look like.

    What `config` leaves open comes from `data_spec.json` if there is one, else from
    the schema; the image shape comes from the first record, and is then that of all.

    Args:
        examples_dir: Folder of an Examples artifact.
        config: Names of features and splits.
        schema: Of the examples, as SchemaGen or a person wrote it.
        dataset: What messages call the examples; empty: their folder.
        fingerprint: Hash of the examples' content, if something knows it.

    Raises:
        DataError: If a feature, its type or the classes stay unknown: says which
            parameter to set.
    """
    if file_system.exists(os.path.join(examples_dir, data_spec.FILE_NAME)):
        return _with_config(DataSpec.load(examples_dir), config)
    return _found(examples_dir, config, schema, dataset or examples_dir, fingerprint)


def _found(
    examples_dir: str,
    config: ExamplesConfig,
    schema: schema_pb2.Schema | None,
    dataset: str,
    fingerprint: str,
) -> DataSpec:
    """The specification from parameters, schema and the first record."""
    image_feature, label_feature = _features(config, schema)
    spec = DataSpec(
        dataset=dataset,
        version="",
        image_shape=(0, 0, 0),  # until the first record was read
        class_names=(),
        num_examples=_counts(examples_dir, config),
        fit="stretch" if config.image_shape else None,
        fingerprint=fingerprint,
        image_feature=image_feature,
        label_feature=label_feature,
        split_names=_renamed(config),
    )
    shape, string_labels = _first_record(examples_dir, spec)
    return dataclasses.replace(
        spec,
        image_shape=config.image_shape or shape,  # type: ignore[arg-type]
        class_names=_class_names(config, schema, label_feature),
        string_labels=string_labels,
    )


def _with_config(spec: DataSpec, config: ExamplesConfig) -> DataSpec:
    """The specification that ExampleGen wrote, with the splits of the parameters."""
    if config == ExamplesConfig():
        return spec
    counts = {
        role: spec.num_examples[name]
        for role, name in config.split_names.items()
        if name in spec.num_examples
    }
    changes = {
        name: value
        for name in ("image_feature", "label_feature", "image_shape", "class_names")
        if (value := getattr(config, name))
    }
    fit = spec.fit or ("stretch" if config.image_shape else None)
    return dataclasses.replace(
        spec,
        num_examples=counts,
        split_names=_renamed(config),
        fit=fit,
        **changes,
    )


def _renamed(config: ExamplesConfig) -> dict[str, str]:
    return {role: name for role, name in config.split_names.items() if role != name}


def _features(
    config: ExamplesConfig, schema: schema_pb2.Schema | None
) -> tuple[str, str]:
    """Names of image and label: given, or the only ones in the schema."""
    images, labels = [], []
    for feature in schema.feature if schema else ():
        has_domain = feature.WhichOneof("domain_info") in (
            "domain", "int_domain", "string_domain",
        )  # fmt: skip
        if feature.type == schema_pb2.BYTES and not has_domain:
            images.append(feature.name)
        elif has_domain or feature.type == schema_pb2.INT:
            labels.append(feature.name)
    return (
        config.image_feature or _only("image", images, schema),
        config.label_feature or _only("label", labels, schema),
    )


def _only(what: str, found: list[str], schema: schema_pb2.Schema | None) -> str:
    if len(found) == 1:
        return found[0]
    if schema is None:
        reason = "The examples have no data_spec.json and no schema was given"
    else:
        names = ", ".join(feature.name for feature in schema.feature)
        fitting = ", ".join(found) or "none"
        reason = f"Of the features {names}, those that can be the {what}: {fitting}"
    raise DataError(f"{reason}. Set {what}_feature in ExamplesConfig.")


def _first_record(
    examples_dir: str, spec: DataSpec
) -> tuple[tuple[int, int, int], bool]:
    """Shape of the first image, and whether its label is a string."""
    where = f"Data set {spec.dataset}, first record"
    files = example_reader.split_files(examples_dir, "train", spec)
    record = next(example_records.read_records(files[:1]).as_numpy_iterator(), b"")
    features = tf.train.Example.FromString(record).features.feature
    for name in (spec.image_feature, spec.label_feature):
        if name not in features:
            raise DataError(
                f"{where}: no feature {name}, there are {', '.join(sorted(features))}. "
                "Set image_feature and label_feature in ExamplesConfig."
            )
    encoded = features[spec.image_feature].bytes_list.value
    label = features[spec.label_feature]
    kind = label.WhichOneof("kind")
    if len(encoded) != 1 or kind not in ("int64_list", "bytes_list"):
        raise DataError(
            f"{where}: {spec.image_feature} holds {len(encoded)} byte strings and "
            f"{spec.label_feature} a {kind}, expected one PNG or JPEG file, and an "
            "int64 or a string. Choose other features."
        )
    try:
        image = tf.io.decode_image(encoded[0], expand_animations=False)
    except tf.errors.InvalidArgumentError:
        raise DataError(
            f"{where}: {spec.image_feature} does not decode, expected a PNG or JPEG "
            "file. Choose another image_feature."
        ) from None
    height, width, channels = image.shape
    return (height, width, channels), kind == "bytes_list"


def _class_names(
    config: ExamplesConfig, schema: schema_pb2.Schema | None, label_feature: str
) -> tuple[str, ...]:
    """Given, or the values of the label's domain in the schema."""
    if config.class_names:
        return tuple(config.class_names)
    domains = {domain.name: domain for domain in schema.string_domain} if schema else {}
    for feature in schema.feature if schema else ():
        if feature.name != label_feature:
            continue
        kind = feature.WhichOneof("domain_info")
        if kind == "int_domain" and feature.int_domain.min == 0:
            return tuple(map(str, range(feature.int_domain.max + 1)))
        if kind == "domain" and feature.domain in domains:
            return tuple(domains[feature.domain].value)
        if kind == "string_domain":
            return tuple(feature.string_domain.value)
    raise DataError(
        f"The classes of the label {label_feature} are unknown: the schema gives it no "
        "domain of strings, or of integers from 0. Set class_names in ExamplesConfig, "
        "or the domain in the schema."
    )


def _counts(examples_dir: str, config: ExamplesConfig) -> dict[str, int]:
    """Number of records of each split that there is."""
    there = file_system.names(examples_dir)
    counted: dict[str, int] = {}
    for name in set(config.split_names.values()):
        if f"Split-{name}" in there:
            files = tf.io.gfile.glob(os.path.join(examples_dir, f"Split-{name}", "*"))
            counted[name] = _number_of_records(files)
    names = config.split_names.items()
    return {role: counted[name] for role, name in names if name in counted}


def _number_of_records(files: Iterable[str]) -> int:
    files = sorted(files)
    if not files:
        return 0
    dataset = example_records.read_records(files)
    return int(dataset.reduce(tf.constant(0, tf.int64), lambda n, _: n + 1))

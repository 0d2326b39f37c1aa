"""Statistics, schemas and anomalies, read without TensorFlow Data Validation."""

from __future__ import annotations

import pathlib
from typing import Any

from tfx_distill.pipeline.inspection.payload_values import MAX_ROWS, Payload, Table


def schema(folder: pathlib.Path) -> Payload:
    """Features of a Schema artifact."""
    from google.protobuf import text_format
    from tensorflow_metadata.proto.v0 import schema_pb2

    text = (folder / "schema.pbtxt").read_text(encoding="utf-8")
    parsed = text_format.Parse(text, schema_pb2.Schema())
    rows = tuple(
        (
            feature.name,
            schema_pb2.FeatureType.Name(feature.type),
            "x".join(str(dim.size) for dim in feature.shape.dim),
            feature.domain or "",
        )
        for feature in parsed.feature
    )
    columns = ("feature", "type", "shape", "domain")
    return Payload(
        kind="schema", tables=(Table(title="Schema", columns=columns, rows=rows),)
    )


def statistics(folder: pathlib.Path) -> Payload | None:
    """A row for each feature and split; None without statistics."""
    from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

    rows = []
    for path in sorted(folder.glob("*/FeatureStats.pb")):
        parsed = pb.DatasetFeatureStatisticsList.FromString(path.read_bytes())
        for dataset in parsed.datasets:
            for feature in dataset.features:
                rows.append((_split(path), dataset.num_examples, *_feature(feature)))
    columns = (
        "split", "examples", "feature", "type", "missing", "unique", "min", "mean",
        "max",
    )  # fmt: skip
    table = Table(title="Statistics", columns=columns, rows=tuple(rows[:MAX_ROWS]))
    return Payload(kind="statistics", tables=(table,)) if rows else None


def _feature(feature: Any) -> tuple[Any, ...]:
    from tensorflow_metadata.proto.v0 import statistics_pb2 as pb

    name = feature.name or "/".join(feature.path.step)
    kind = pb.FeatureNameStatistics.Type.Name(feature.type)
    if feature.HasField("num_stats"):
        numbers = feature.num_stats
        missing = numbers.common_stats.num_missing
        return name, kind, missing, None, numbers.min, numbers.mean, numbers.max
    for field in ("string_stats", "bytes_stats"):
        if feature.HasField(field):
            stats = getattr(feature, field)
            missing = stats.common_stats.num_missing
            return name, kind, missing, distinct(stats), None, None, None
    return name, kind, None, None, None, None, None


def distinct(stats: Any) -> int:
    """The number of different values of a feature with one value in each example.

    TensorFlow Data Validation estimates it by a sketch, which may exceed the number of
    values.
    """
    return min(int(stats.unique), int(stats.common_stats.num_non_missing))


def anomalies(folder: pathlib.Path) -> Payload | None:
    """Anomalies that ExampleValidator found; None if it did not run."""
    from tensorflow_metadata.proto.v0 import anomalies_pb2

    files = sorted(folder.glob("*/SchemaDiff.pb"))
    rows = []
    for path in files:
        parsed = anomalies_pb2.Anomalies.FromString(path.read_bytes())
        for name, info in sorted(parsed.anomaly_info.items()):
            rows.append((_split(path), name, info.description))
    if not files:
        return None
    columns = ("split", "feature", "anomaly")
    table = Table(title="Anomalies", columns=columns, rows=tuple(rows[:MAX_ROWS]))
    facts = {"splits": [_split(path) for path in files], "anomalies": len(rows)}
    return Payload(kind="anomalies", facts=facts, tables=(table,) if rows else ())


def _split(path: pathlib.Path) -> str:
    return path.parent.name.removeprefix("Split-")

"""The data set of a run: its specification, and StatisticsGen's statistics."""

from __future__ import annotations

import collections
import dataclasses
import math
import pathlib
from typing import Any

from tensorflow_metadata.proto.v0 import statistics_pb2

from tfx_distill.pipeline.inspection import data_payloads
from tfx_distill.pipeline.report.collect import raw_records
from tfx_distill.pipeline.report.report_data import Balance, Data
from tfx_distill.trainer.data.data_spec import LABEL_FEATURE, DataSpec
from tfx_distill.trainer.data.raw_images import ALL_SPLITS, UNLABELLED

# Labels are counted up to this size of a split's files, in about 2 s.
_MAX_COUNTED_BYTES = 100_000_000


def described(examples_dir: str) -> Data:
    """The data set, without counts; errors as `DataSpec.load`."""
    spec = DataSpec.load(examples_dir)
    return Data(
        dataset=spec.dataset,
        version=spec.version,
        fingerprint=spec.fingerprint,
        image_shape=spec.image_shape,
        class_names=spec.class_names,
    )


def counted(data: Data, statistics_dir: str, examples_dir: str) -> Data:
    """The same with class balance and features of each split.

    TFDV estimates label counts in ten buckets from a sketch of the quantiles. If
    there are few enough records, they are counted instead.

    Raises:
        ValueError: If a file holds no statistics, or a record no label.
        OSError: If the files are gone.
    """
    folders = sorted(pathlib.Path(statistics_dir).glob("Split-*"), key=_place)
    if not folders:
        raise FileNotFoundError(f"{statistics_dir} holds no statistics")
    balances, features = [], []
    for folder in folders:
        split = folder.name.partition("-")[2]
        dataset = _read(folder)
        for feature in dataset.features:
            name = feature.name or "/".join(feature.path.step)
            features.append(_row(split, name, feature, int(dataset.num_examples)))
            if name == LABEL_FEATURE and split != UNLABELLED:
                exact = _exact(examples_dir, split, data)
                balances.append(
                    Balance(
                        split=split,
                        num_examples=int(dataset.num_examples),
                        counts=exact or _counts(feature, data.class_names),
                        exact=exact is not None,
                    )
                )
    return dataclasses.replace(data, balances=tuple(balances), features=tuple(features))


def _place(folder: pathlib.Path) -> tuple[int, str]:
    split = folder.name.partition("-")[2]
    return ALL_SPLITS.index(split) if split in ALL_SPLITS else len(ALL_SPLITS), split


def _read(folder: pathlib.Path) -> Any:
    """Statistics of a split.

    Raises:
        ValueError: If protobuf cannot read them.
    """
    content = (folder / "FeatureStats.pb").read_bytes()
    try:
        found = statistics_pb2.DatasetFeatureStatisticsList.FromString(content)
    except Exception as error:  # protobuf's DecodeError is not always a ValueError
        raise ValueError(f"{folder} holds no statistics: {error}") from None
    if not found.datasets:
        raise ValueError(f"{folder} holds no statistics")
    return found.datasets[0]


def _row(split: str, name: str, feature: Any, total: int) -> tuple[str, ...]:
    """Split, feature, type, present, missing, and a summary of its values."""
    kind = statistics_pb2.FeatureNameStatistics.Type.Name(feature.type)
    stats = getattr(feature, feature.WhichOneof("stats") or "num_stats")
    common = stats.common_stats
    if kind == "STRING" or kind == "BYTES":
        values = (
            f"{stats.avg_length:,.0f} bytes on average, about "
            f"{data_payloads.distinct(stats):,} distinct"
        )
    else:
        values = f"{stats.min:g} to {stats.max:g}, mean {stats.mean:.3f}"
    present = int(common.num_non_missing)
    missing = max(total - present, int(common.num_missing))
    return split, name, kind, f"{present:,}", f"{missing:,}", values


def _exact(
    examples_dir: str, split: str, data: Data
) -> tuple[tuple[str, int], ...] | None:
    """Examples by class, as the ExampleGen counted them, or counted here.

    None if that would take too long.
    """
    if data.found is not None and split in data.found.num_images:
        counts = data.found.num_images[split]
        return tuple(zip(data.class_names, counts, strict=True))
    files = pathlib.Path(examples_dir, f"Split-{split}").glob("*.gz")
    if sum(path.stat().st_size for path in files) > _MAX_COUNTED_BYTES:
        return None
    labels = collections.Counter(raw_records.labels(examples_dir, split))
    return tuple((name, labels[label]) for label, name in enumerate(data.class_names))


def _counts(feature: Any, class_names: tuple[str, ...]) -> tuple[tuple[str, int], ...]:
    """Estimated examples by class, or by range of labels if classes share a bucket."""
    histograms = [
        histogram
        for histogram in feature.num_stats.histograms
        if histogram.type == statistics_pb2.Histogram.STANDARD
    ]
    if not histograms:
        return ()
    counts = []
    buckets = histograms[0].buckets
    for place, bucket in enumerate(buckets):
        is_last = place == len(buckets) - 1
        first = math.ceil(bucket.low_value - 1e-9)
        last = math.floor(bucket.high_value + (1e-9 if is_last else -1e-9))
        labels = [label for label in range(first, last + 1) if label < len(class_names)]
        number = round(bucket.sample_count)
        if labels:
            name = class_names[labels[0]]
            if len(labels) > 1:
                name = f"{name} … {class_names[labels[-1]]}"
            counts.append((name, number))
        elif number:
            counts.append((f"{bucket.low_value:g} to {bucket.high_value:g}", number))
    return tuple(counts)

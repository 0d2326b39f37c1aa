"""What a data report says in words: why a data set is refused, and what to know of it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from tfx_distill.trainer.config.data_config import EVAL_TEST, DataConfig
from tfx_distill.trainer.data.data_report import DataReport, EqualImages
from tfx_distill.trainer.data.raw_images import UNLABELLED
from tfx_distill.trainer.errors import DataError

_MAX_SEARCHED = 0.01  # of the test images
# The student may learn from an image both with and without its label.
_HARMLESS_OVERLAP = f"train, {UNLABELLED}"


def require_usable(report: DataReport, data: DataConfig) -> None:
    """Refuses a data set on which nothing should be trained.

    Raises:
        DataError: Says all that is wrong with it, and what to do.
    """
    found = refusals(report, data)
    if found:
        raise DataError(f"Data set {report.dataset}: {' '.join(found)}")


def require_searchable(report: DataReport) -> None:
    """Refuses a search, or an early stop, that would choose on test images.

    Raises:
        DataError: If more than a hundredth of the images of `test` are in `eval`. A few
            natural duplicates choose nothing.
    """
    overlap = report.overlaps.get("eval, test")
    size = report.num_examples["test"]
    if overlap and overlap.number > _MAX_SEARCHED * size:
        raise DataError(
            f"{overlap.number:,} of {size:,} test images are in eval, which is to choose "
            "hyperparameters or an epoch: the gate would judge what was chosen on its "
            "images. Cut another eval, as with data.splits.eval: train[90%:], or set "
            "tuning: null and no early_stopping."
        )


def refusals(report: DataReport, data: DataConfig) -> list[str]:
    """Why nothing should be trained on a data set, each with what to do."""
    found = [
        *_bad_images(report, data),
        *_few_images(report),
        *_equal_images(report, data),
    ]
    if data.strict and report.num_converted:
        kinds = _counts(report.conversions, report.examples)
        found.append(
            f"{_of_all(report.num_converted, report)} need conversion ({kinds}), which "
            "data.strict refuses. Convert the files, or set data.strict: false."
        )
    return found


def _bad_images(report: DataReport, data: DataConfig) -> Iterable[str]:
    total = len(report.bad) + sum(report.num_examples.values())
    if not report.bad or len(report.bad) <= data.max_bad_share * total:
        return
    names = "; ".join(f"{name}: {reason}" for name, reason in report.bad)
    share = math.ceil(len(report.bad) / total * 1000) / 1000
    yield (
        f"{len(report.bad)} of {_images(total)} cannot be used ({names}). Repair or "
        f"remove them, or set data.max_bad_share: {share:g} to skip them."
    )


def _few_images(report: DataReport) -> Iterable[str]:
    for split, number in report.num_examples.items():
        if not number:
            advice = (
                "Add some"
                if split == "train"
                else f"Add some, or raise data.{split}_share"
            )
            yield f"Split {split} has no image. {advice}."
    classes = len(report.class_names)
    missing = report.missing("train")
    if classes - len(missing) < 2:
        yield (
            f"{'It has one class' if classes == 1 else 'Only one class has images'}, "
            "expected two or more. Add a folder of images for another class."
        )
    elif missing:
        yield (
            f"Classes without an image in train: {', '.join(missing)}. Add images, or "
            "remove the classes."
        )


def _equal_images(report: DataReport, data: DataConfig) -> Iterable[str]:
    refused = _refused_overlaps(report, data)
    if refused:
        yield (
            f"The same image is in two splits: {_overlaps(refused)}. Results on images "
            "that were trained on prove nothing. Remove the copies or cut other splits, "
            f"or set data.allow_overlap: {_enough(refused)}."
        )
    if _conflicts_are_refused(report, data):
        yield (
            f"{_images(report.conflicts.number)} with more than one label, such as "
            f"{_first(report.conflicts)}. Correct the labels, or set "
            "data.allow_conflicts: true."
        )


def _refused_overlaps(report: DataReport, data: DataConfig) -> dict[str, EqualImages]:
    """Those that are not allowed, by pair of splits."""
    if data.allow_overlap is True:
        return {}
    allowed = {_HARMLESS_OVERLAP}
    if data.allow_overlap == EVAL_TEST:
        allowed.add("eval, test")
    return {p: equal for p, equal in report.overlaps.items() if p not in allowed}


def _enough(refused: Mapping[str, EqualImages]) -> str:
    """The narrowest setting that accepts some overlaps."""
    return EVAL_TEST if set(refused) == {"eval, test"} else "true"


def _conflicts_are_refused(report: DataReport, data: DataConfig) -> bool:
    return not data.allow_conflicts and report.conflicts.number > 0


def notices(report: DataReport, data: DataConfig) -> list[str]:
    """What the user should know of a data set, apart from what `refusals` tells."""
    found = []
    if report.num_converted:
        found.append(
            f"{_of_all(report.num_converted, report)} converted: "
            f"{_counts(report.conversions)}."
        )
    if report.shape_chosen:
        found.append(
            f"Images of {_sizes(report)} pixels (height x width) become "
            f"{' x '.join(map(str, report.image_shape))}. Set data.image_shape for "
            "another size, and data.fit for another way than "
            f"{report.fit}."
        )
    if report.bad and not list(_bad_images(report, data)):
        names = "; ".join(f"{name}: {reason}" for name, reason in report.bad)
        found.append(f"{_images(len(report.bad))} skipped ({names}).")
    if report.ignored:
        files = sum(report.ignored.values())
        found.append(
            f"{files:,} {'file' if files == 1 else 'files'} that are no images by their "
            f"name left out: {_counts(report.ignored)}."
        )
    found += [*_label_notices(report, data), *_equal_notices(report, data)]
    for split in ("eval", "test"):
        if missing := report.missing(split):
            found.append(f"Classes without an image in {split}: {', '.join(missing)}.")
    return found


def _label_notices(report: DataReport, data: DataConfig) -> Iterable[str]:
    number = data.labels_per_class or 0
    counts = zip(report.class_names, report.num_images["train"], strict=True)
    fewer = [f"{name} ({count:,})" for name, count in counts if 0 < count < number]
    if fewer:
        yield (
            f"Classes with fewer than data.labels_per_class, {number:,}, images in "
            f"train: {', '.join(fewer)}."
        )


def _equal_notices(report: DataReport, data: DataConfig) -> Iterable[str]:
    refused = _refused_overlaps(report, data)
    told = {p: equal for p, equal in report.overlaps.items() if p not in refused}
    if told:
        yield f"The same image is in two splits: {_overlaps(told)}."
    for split, equal in report.duplicates.items():
        yield (
            f"{_images(equal.number)} more than once in {split}, such as {_first(equal)}."
        )
    equal = report.conflicts
    if equal.number and not _conflicts_are_refused(report, data):
        yield (
            f"{_images(equal.number)} with more than one label, such as {_first(equal)}."
        )


def _sizes(report: DataReport) -> str:
    (low, _, high), (narrow, _, wide) = report.heights, report.widths
    if (low, narrow) == (high, wide):
        return f"{low} x {narrow}"
    return f"{low} x {narrow} to {high} x {wide}"


def _overlaps(overlaps: Mapping[str, EqualImages]) -> str:
    return "; ".join(
        f"{_images(equal.number)} in {pair.replace(', ', ' and ')}, such as "
        f"{_first(equal)}"
        for pair, equal in overlaps.items()
    )


def _first(equal: EqualImages) -> str:
    return " = ".join(equal.groups[0])


def _images(number: int) -> str:
    return "1 image" if number == 1 else f"{number:,} images"


def _of_all(number: int, report: DataReport) -> str:
    return f"{number:,} of {_images(sum(report.num_examples.values()))}"


def _counts(
    numbers: Mapping[str, int], examples: Mapping[str, tuple[str, ...]] | None = None
) -> str:
    ordered = sorted(numbers.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(
        f"{kind or 'no suffix'} {number:,}"
        + (f" ({', '.join(examples[kind])})" if examples else "")
        for kind, number in ordered
    )

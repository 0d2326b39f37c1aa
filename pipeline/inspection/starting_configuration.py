"""A configuration to start from, made from what a data set of images holds."""

from __future__ import annotations

import dataclasses
import math
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tfx_distill.pipeline.config import dotted_keys, reference
from tfx_distill.pipeline.config.loader import read_file
from tfx_distill.pipeline.inspection.data_checks import DataCheck
from tfx_distill.pipeline.short_text import clean
from tfx_distill.trainer.data.data_report import DataReport

_PHOTOS = "photos"  # the shipped configuration for colour images
_LARGE_SIDE = 40  # in pixels; the default models are made for digits of 28
_IMBALANCE = 3.0  # largest class by smallest
# Images that a shipped recipe's epochs are made for.
_RECIPES = {"default": 54_000, _PHOTOS: 10_000}
_BATCHES = {1_000: 32, 5_000: 64}  # below so many training images
_MAX_EPOCHS = 60


@dataclasses.dataclass(frozen=True)
class Setting:
    """A key, its value, and why it has it."""

    key: str
    value: Any
    reason: str = ""


def settings(found: DataCheck, images: str) -> list[Setting]:
    """What a configuration for a data set should say other than the default.

    Args:
        found: What was found in it.
        images: `data.images`.
    """
    report = found.report
    base = dotted_keys.flat(read_file(_base(report)))
    chosen = {
        setting.key: setting
        for setting in (
            Setting("data.images", images, _content(report)),
            *_recipe(report, base),
            *_balance(report),
        )
    }
    defaults = dotted_keys.flat(read_file("default"))
    return [s for s in chosen.values() if defaults.get(s.key) != s.value]


def _content(report: DataReport) -> str:
    counts = (f"{n:,} {split}" for split, n in report.num_examples.items())
    return f"{len(report.class_names)} classes; {', '.join(counts)}"


def _base(report: DataReport) -> str:
    """The shipped configuration for such images."""
    *sides, channels = report.image_shape
    return _PHOTOS if channels > 1 or max(sides) > _LARGE_SIDE else "default"


def _recipe(report: DataReport, base: Mapping[str, Any]) -> Iterator[Setting]:
    """Architectures and training, as a shipped configuration has them."""
    number = report.num_examples["train"]
    if _base(report) == _PHOTOS:
        shape = " x ".join(map(str, report.image_shape))
        for key, value in base.items():
            if key.partition(".")[0] in ("teacher", "student", "views"):
                reason = f"For images of {shape}" if key.endswith(".model") else ""
                yield Setting(key, value, reason)
    batch = min((b for n, b in _BATCHES.items() if number < n), default=None)
    for model in ("teacher", "student"):
        if batch is None:
            continue
        epochs, size = base[f"{model}.epochs"], base[f"{model}.batch_size"]
        steps = epochs * _RECIPES[_base(report)] / size
        enough = min(_MAX_EPOCHS, max(epochs, math.ceil(steps * batch / number)))
        few = f"{number:,} training images: fewer in a step, more passes"
        yield Setting(f"{model}.epochs", enough, few)
        yield Setting(f"{model}.batch_size", batch)


def _balance(report: DataReport) -> Iterator[Setting]:
    """Weights for classes of very different sizes."""
    if _is_balanced(report):
        return
    for model in ("teacher", "student"):
        reason = "The smallest class counts as much as the largest"
        yield Setting(f"{model}.class_weight", "balanced", reason)


def _is_balanced(report: DataReport) -> bool:
    counts = report.num_images["train"]
    return max(counts) <= _IMBALANCE * min(counts)


def text(found: DataCheck, chosen: Sequence[Setting], command: str, file: str) -> str:
    """The configuration as YAML, with comments.

    Args:
        found: What was found in the data set.
        chosen: Its settings.
        command: That wrote it.
        file: Its name.
    """
    remarks = [
        f"Written by `{command}`. What is not here has its default; "
        "`distill config --explain KEY` says what a key means.",
        f"Run it: distill run --config {file}",
        *_remarks(found),
    ]
    lines = [line for remark in remarks for line in _comment(remark)]
    sections: dict[str, list[Setting]] = {}
    for setting in chosen:
        sections.setdefault(setting.key.partition(".")[0], []).append(setting)
    for name, inside in sections.items():
        lines.append(f"{name}:")
        for setting in inside:
            key = setting.key.partition(".")[2]
            line = f"  {key}: {reference.flow(setting.value)}"
            lines.append(f"{line}  # {setting.reason}" if setting.reason else line)
    return "\n".join(lines) + "\n"


def _remarks(found: DataCheck) -> Iterator[str]:
    report = found.report
    counts: Mapping[str, int] = dict(
        zip(report.class_names, report.num_images["train"], strict=True)
    )
    few, many = min(counts, key=counts.__getitem__), max(counts, key=counts.__getitem__)
    if not _is_balanced(report):
        yield (
            f"Not balanced: {counts[many]:,} training images of {many}, {counts[few]:,} "
            f"of {few}. Accuracy says little about the small classes: look at each "
            "class in the report."
        )
    yield from found.notices
    yield from (f"A run refuses this data set: {text}" for text in found.refusals)


def _comment(remark: str) -> list[str]:
    return textwrap.wrap(
        clean(" ".join(remark.split())),
        88,
        initial_indent="# ",
        subsequent_indent="#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )

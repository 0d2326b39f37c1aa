"""What a report says, as plain values; `collection` gathers them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.components.checks import Check
from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.pipeline.report.collect.measures import (
    Calibration,
    Confusion,
    Interval,
)
from tfx_distill.pipeline.report.collect.run_graph import Run

PUSHED = "pushed"
BLESSED = "blessed"
REFUSED = "refused"
FAILED = "failed"
UNDECIDED = "undecided"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Attributes:
        state: `pushed`, `blessed`, `refused`, `failed` or `undecided`.
        headline: The same in a sentence.
        reasons: Why, one line each.
        pushed_to: Folder of the pushed version, if there is one.
    """

    state: str
    headline: str
    reasons: tuple[str, ...] = ()
    pushed_to: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Gate:
    """One gate's decision: its name, and every bound with its value."""

    name: str
    blessed: bool
    checks: tuple[Check, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Model:
    """One model of a run.

    Attributes:
        role: `teacher`, `student`, `control` or another.
        name: The role, with a number where there are several.
        node: Id of the node that made it.
        artifact: Id in ML Metadata.
        path: Folder of its SavedModel.
        architecture: Dotted path of the function that makes it.
        parameters: Number of weights.
        bytes: Size of the SavedModel.
        seconds: Wall time of its training.
        history: Values by name, one for each epoch.
        accuracy: On the test split; None when it was not evaluated.
        metrics: Others of the test split, by name.
        versions: Of what trained it.
    """

    role: str
    name: str
    node: str
    artifact: int
    path: str
    architecture: str = ""
    parameters: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    history: Mapping[str, list[float]] = dataclasses.field(default_factory=dict)
    accuracy: Interval | None = None
    metrics: Mapping[str, float] = dataclasses.field(default_factory=dict)
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One model's accuracy minus another's on the same images.

    Attributes:
        name: Which two.
        interval: The difference with its 95 % interval.
        only_first: Number of images that only the first answered rightly; None
            without the answers.
        only_second: As `only_first`.
        p_value: McNemar's, exact, two-sided.
    """

    name: str
    interval: Interval
    only_first: int | None = None
    only_second: int | None = None
    p_value: float | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassRow:
    """One class of the test split.

    Attributes:
        name: Its name.
        num_examples: Number of its images.
        teacher: The teacher's accuracy on them.
        student: The student's.
        lowest: Lower one-sided 95 % bound of the paired difference; None if unknown.
        ok: Whether all bounds on this class held.
    """

    name: str
    num_examples: int
    teacher: Interval | None
    student: Interval | None
    lowest: float | None
    ok: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class Answer:
    """A model's answer to an image: the class, and its probability."""

    name: str
    probability: float
    right: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownImage:
    """An image to which teacher and student give different answers."""

    index: int
    picture: str
    label: str
    teacher: Answer
    student: Answer


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """Images of a kind: their number, and the first of them."""

    name: str
    total: int
    images: tuple[ShownImage, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cost:
    """What one exported model costs to serve."""

    role: str
    parameters: int | None
    bytes: int | None
    latency: Mapping[str, Mapping[str, float]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiteFile:
    """The student as a LiteRT file; `accuracy` on the test split."""

    flavour: str
    accuracy: Interval
    agreement: float
    bytes: int
    latency_ms: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
    """How many examples of each class, or range of labels, a split has.

    Attributes:
        split: Its name.
        num_examples: Of all classes.
        counts: By class.
        exact: Counted, not estimated from a histogram.
    """

    split: str
    num_examples: int
    counts: tuple[tuple[str, int], ...]
    exact: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The data set as it went into the run."""

    dataset: str
    version: str
    fingerprint: str
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    balances: tuple[Balance, ...] = ()
    features: tuple[tuple[str, ...], ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tried:
    """One trial of a search."""

    id: str
    status: str
    parameters: int | None
    objective: float | None
    epochs: int
    seconds: float
    values: str
    reason: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class Search:
    """The trials of a search, the best first."""

    algorithm: str
    max_parameters: int
    trials: tuple[Tried, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the report of a run shows.

    Attributes:
        pipeline: Its name.
        run: What ML Metadata holds of it.
        outcome: How it ended.
        gates: What decided.
        split: Name of the split that the gate decided on.
        num_examples: Number of its images.
        agreement: Share of them with the same answer from both.
        models: Teacher and student first.
        differences: Between pairs of them.
        conclusion: What distillation gained, in a sentence.
        classes: Of the test split.
        confusions: Of teacher and student.
        calibrations: Of teacher and student.
        disagreements: Number of images to which they answer differently; None
            when their answers are not known.
        images: Some of these images.
        costs: Of teacher and student.
        lite: The student's LiteRT files.
        data: None when nothing is known.
        search: None without one.
        answers: To the test split; None when they are not known.
        config: The resolved configuration, flat: value by dotted key.
        config_text: The same as YAML.
        versions: By name.
        missing: By section, why something is not shown.
    """

    pipeline: str
    run: Run
    outcome: Outcome
    gates: tuple[Gate, ...] = ()
    split: str = "test"
    num_examples: int = 0
    agreement: float | None = None
    models: tuple[Model, ...] = ()
    differences: tuple[Difference, ...] = ()
    conclusion: str = ""
    classes: tuple[ClassRow, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    disagreements: int | None = None
    images: tuple[ImageGroup, ...] = ()
    costs: tuple[Cost, ...] = ()
    lite: tuple[LiteFile, ...] = ()
    data: Data | None = None
    search: Search | None = None
    answers: Predictions | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config_text: str = ""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def model(self, role: str) -> Model | None:
        """The first model of a role."""
        return next((model for model in self.models if model.role == role), None)

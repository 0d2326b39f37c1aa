"""What a report shows, as plain values; `report_collector` gathers them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from tfx_distill.components.evaluator.predictions import Predictions
from tfx_distill.components.servability_validator.servability import Measurement
from tfx_distill.pipeline.inspection import gates
from tfx_distill.pipeline.inspection.gates import Gate
from tfx_distill.pipeline.mlmd.records import Graph, RunRecord
from tfx_distill.pipeline.report.collect import intervals
from tfx_distill.pipeline.report.collect.intervals import Interval
from tfx_distill.pipeline.report.collect.prediction_analysis import (
    Calibration,
    Confusion,
)
from tfx_distill.pipeline.report.collect.thumbnails import Thumbnail
from tfx_distill.trainer.data.data_report import DataReport
from tfx_distill.trainer.evaluation.lite_scores import LiteScore
from tfx_distill.trainer.evaluation.measured import Corruptions, Measured
from tfx_distill.trainer.timeline import Span
from tfx_distill.trainer.tuning.trials import Trials

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
class Model:
    """One model of a run.

    Attributes:
        role: `teacher`, `student`, `control` or another.
        name: The role, with a number where there are several.
        node: Id of the node that made it.
        artifact: Id in ML Metadata.
        architecture: Dotted path of the function that builds it.
        origins: Where it, or members of it, were imported from, each as text.
        parameters: Number of weights.
        bytes: Size of the SavedModel.
        seconds: Wall time of its training; None if it was imported.
        history: Values by name, one for each epoch, all finite.
        accuracy: On the test split; None when it was not evaluated.
        versions: Of Python and the libraries that trained it.
    """

    role: str
    name: str
    node: str
    artifact: int
    architecture: str = ""
    origins: tuple[str, ...] = ()
    parameters: int | None = None
    bytes: int | None = None
    seconds: float | None = None
    history: Mapping[str, list[float]] = dataclasses.field(default_factory=dict)
    accuracy: Interval | None = None
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Difference:
    """One model's accuracy minus another's on the same images.

    Attributes:
        name: Which two.
        interval: The difference with its 95 % interval.
        only_first: Number of images that only the first classified correctly; None
            without the predictions.
        only_second: As `only_first`.
        p_value: Two-sided, see `paired_interval.Estimate`.
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
        failed: The bounds that failed on this class.
    """

    name: str
    num_examples: int
    teacher: Interval | None
    student: Interval | None
    lowest: float | None
    failed: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Prediction:
    """A model's prediction for an image: the class, and its probability."""

    name: str
    probability: float
    correct: bool


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShownImage:
    """An image for which teacher and student predict different classes."""

    index: int
    picture: Thumbnail
    label: str
    teacher: Prediction
    student: Prediction


@dataclasses.dataclass(frozen=True, kw_only=True)
class ImageGroup:
    """Images of a kind: their number, and the first ones."""

    name: str
    total: int
    images: tuple[ShownImage, ...]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Balance:
    """Number of examples of each class, or range of labels, in a split.

    Attributes:
        split: Its name.
        num_examples: Of all classes.
        counts: By class.
        exact: Whether they were counted rather than estimated from a histogram.
    """

    split: str
    num_examples: int
    counts: tuple[tuple[str, int], ...]
    exact: bool = True


@dataclasses.dataclass(frozen=True, kw_only=True)
class Data:
    """The data set that the run used.

    Attributes:
        dataset: Its name.
        version: Its version.
        fingerprint: A hash of its records.
        image_shape: (height, width, channels) in pixels.
        class_names: In label order.
        found: What its ExampleGen found in the images; None if it did not look.
        balances: By split.
        features: A row for each feature and split.
    """

    dataset: str
    version: str
    fingerprint: str
    image_shape: tuple[int, ...]
    class_names: tuple[str, ...]
    found: DataReport | None = None
    balances: tuple[Balance, ...] = ()
    features: tuple[tuple[str, ...], ...] = ()

    @property
    def title(self) -> str:
        """Name and version; a folder of images has none."""
        return f"{self.dataset} {self.version}".strip()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that the report of a run shows.

    Attributes:
        pipeline: Its name.
        run: The run.
        graph: What it executed, read and wrote.
        outcome: How it ended.
        gates: What they decided.
        split: Name of the split on which the gate decided.
        num_examples: Number of its images.
        agreement: Share of them with the same prediction from both.
        models: Teacher and student first.
        differences: Between pairs of them.
        headroom: The teacher against the controls on `eval`, in words.
        conclusion: What distillation gained, in words.
        gain_over: What the interval of student − control is over.
        from_probabilities: Whether teacher logits are logarithms of probabilities.
        classes: Of the test split.
        confusions: Of teacher and student.
        calibrations: Of teacher and student.
        against_teacher: See `Verdict.against_teacher`.
        tested: How often these images have decided, in a sentence.
        notes: See `Verdict.notes`.
        measured: Further metrics and slices of the gate, by their name.
        corruptions: See `Verdict.corruptions`.
        disagreements: Number of images with different predictions; None if the
            predictions are unknown.
        images: Some of these images.
        costs: What teacher and student cost to serve, by role.
        lite: The student's LiteRT files, by flavour.
        data: None if unknown.
        search: The trials of a search; None without one.
        timeline: The parts of the run, in the order in which they started.
        predictions: On the test split; None if they are unknown.
        config: The resolved configuration, flat: value by dotted key.
        config_text: The same as YAML.
        versions: By name.
        missing: Why a section is not shown, by section.
    """

    pipeline: str
    run: RunRecord
    graph: Graph
    outcome: Outcome
    gates: tuple[Gate, ...] = ()
    split: str = "test"
    num_examples: int = 0
    agreement: float | None = None
    models: tuple[Model, ...] = ()
    differences: tuple[Difference, ...] = ()
    headroom: str = ""
    conclusion: str = ""
    gain_over: str = "images"
    from_probabilities: bool = False
    classes: tuple[ClassRow, ...] = ()
    confusions: tuple[Confusion, ...] = ()
    calibrations: tuple[Calibration, ...] = ()
    against_teacher: str = ""
    tested: str = ""
    notes: tuple[str, ...] = ()
    measured: Mapping[str, Measured] = dataclasses.field(default_factory=dict)
    corruptions: Corruptions | None = None
    disagreements: int | None = None
    images: tuple[ImageGroup, ...] = ()
    costs: Mapping[str, Measurement] = dataclasses.field(default_factory=dict)
    lite: Mapping[str, LiteScore] = dataclasses.field(default_factory=dict)
    data: Data | None = None
    search: Trials | None = None
    timeline: tuple[Span, ...] = ()
    predictions: Predictions | None = None
    config: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    config_text: str = ""
    versions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    missing: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def model(self, role: str) -> Model | None:
        """The first model of a role."""
        return next((model for model in self.models if model.role == role), None)

    def class_name(self, label: int) -> str:
        """The name of a class; its number if it has none."""
        names = self.data.class_names if self.data else ()
        return names[label] if label < len(names) else str(label)

    @property
    def untold(self) -> list[str]:
        """The reasons of the outcome that no gate's table of bounds tells."""
        return gates.not_told(self.outcome.reasons, self.gates)

    def share(self, value: float) -> Interval:
        """A share of the test images, with its interval."""
        return intervals.share(value, self.num_examples)

"""The whole configuration of a run: one frozen value, checked before TFX loads.

Layers, each over the one before: the fields' defaults, the data set's own file in
`presets/datasets/`, the YAML file, then `--set key=value`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

import yaml
from pydantic import Field, NonNegativeInt, model_validator
from typing_extensions import Self

from tfx_distill.pipeline.config import plain_secrets
from tfx_distill.pipeline.config.beam_config import BeamConfig
from tfx_distill.pipeline.config.kubeflow_config import PIPELINE_NAME, KubeflowConfig
from tfx_distill.pipeline.config.monitor_config import MonitorConfig
from tfx_distill.pipeline.config.pipeline_places import Places
from tfx_distill.pipeline.config.tracking_config import TrackingConfig
from tfx_distill.pipeline.config.webhook_config import WebhookConfig
from tfx_distill.trainer.config import secret_reference
from tfx_distill.trainer.config.data_config import DataConfig, ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import EnsembleConfig
from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.config.lite_config import LiteConfig
from tfx_distill.trainer.config.registry_config import RegistryConfig
from tfx_distill.trainer.config.section import (
    NUMBER,
    WHOLE,
    FolderOrStore,
    RootFolder,
    Rule,
    Section,
    Table,
    require,
)
from tfx_distill.trainer.config.servability_config import ServabilityConfig
from tfx_distill.trainer.config.training_config import (
    FLOAT32,
    MAX_SEEDS,
    AssistantConfig,
    Precision,
    StudentConfig,
    TeacherConfig,
)
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data import memory_limit
from tfx_distill.trainer.tuning import hyperparameters

MANUAL_DIR_VARIABLE = "DISTILL_MANUAL_DIR"


class RunConfig(Section):
    """Where a run lives and how it runs."""

    NAME: ClassVar[str] = "pipeline"

    name: str = Field(
        "{dataset}",
        description="Lower-case letters, digits, dashes; {dataset}: the data set's name",
    )
    root: RootFolder = Field("runs", description="The pipeline's folder is root/name")
    cache: bool = Field(True, description="Reuse results of steps with equal inputs")
    images_in_memory_mb: NonNegativeInt = Field(
        memory_limit.DEFAULT_MB,
        description="Larger splits, in MiB of pixels, are decoded on each use",
    )
    min_free_disk_gb: Annotated[float, Field(ge=0), NUMBER] = Field(
        1.0, description="Refuse to start with less free disk, in GiB"
    )


class AllTrainingsConfig(Section):
    """What all trainings share."""

    NAME: ClassVar[str] = "training"

    precision: Precision = Field(
        FLOAT32,
        description="What models are trained in; auto: mixed_bfloat16 on processors and "
        "GPUs that compute it faster. Trained models compute in float32",
    )


class MetadataConfig(Section):
    """Where runs are recorded."""

    connection: Table[Any] = Field(
        {},
        description="ml_metadata's ConnectionConfig, secrets as env:NAME; {}: SQLite",
    )


class PusherConfig(Section):
    """Where a blessed student goes."""

    directory: FolderOrStore | None = Field(
        None, description="Null: serving in the pipeline's folder"
    )


class PipelineConfig(Section, Places):
    """Everything that decides what a run does."""

    NAME: ClassVar[str] = ""

    pipeline: RunConfig = Field(default_factory=RunConfig)
    data: DataConfig = Field(default_factory=DataConfig)
    training: AllTrainingsConfig = Field(default_factory=AllTrainingsConfig)
    teacher: TeacherConfig = Field(default_factory=TeacherConfig)
    student: StudentConfig = Field(default_factory=StudentConfig)
    ensemble: EnsembleConfig = Field(default_factory=EnsembleConfig)
    views: ViewsConfig = Field(default_factory=ViewsConfig)
    assistant: AssistantConfig | None = Field(
        None, description="A model between teacher and student; {}: with its defaults"
    )
    distillation: DistillationConfig = Field(default_factory=DistillationConfig)
    tuning: TuningConfig | None = Field(
        None, description="A search of hyperparameters; {}: with its defaults"
    )
    hyperparameters: Annotated[
        int | str | None,
        Rule(
            "null, a file, or an artifact's id, an integer > 0",
            lambda given: (
                given is None
                or (given.strip() if isinstance(given, str) else given > 0)
            ),
        ),
    ] = Field(None, description="Of an earlier search: an artifact's id, or a file")
    control: bool = Field(
        False, description="Also train the student from labels alone, and compare"
    )
    seeds: int = Field(
        1,
        ge=1,
        le=MAX_SEEDS,
        description="Number of times student and control are trained",
    )
    gate: GateConfig = Field(default_factory=GateConfig)
    servability: ServabilityConfig = Field(default_factory=ServabilityConfig)
    lite: LiteConfig = Field(default_factory=LiteConfig)
    pusher: PusherConfig = Field(default_factory=PusherConfig)
    registry: RegistryConfig = Field(default_factory=RegistryConfig)
    webhook: WebhookConfig = Field(default_factory=WebhookConfig)
    tracking: TrackingConfig = Field(default_factory=TrackingConfig)
    monitor: MonitorConfig = Field(default_factory=MonitorConfig)
    metadata: MetadataConfig = Field(default_factory=MetadataConfig)
    beam: BeamConfig = Field(default_factory=BeamConfig)
    kubeflow: KubeflowConfig = Field(default_factory=KubeflowConfig)

    @model_validator(mode="before")
    @classmethod
    def _check_secrets(cls, values: Any) -> Any:
        """First, so that no other message shows one."""
        plain_secrets.require_none(values)
        return values

    @model_validator(mode="after")
    def _share_precision(self) -> Self:
        """Gives recipes what `training` says, unless they say it themselves.

        None is float32, so that what was cached before stays so.
        """
        shared = self.training.precision
        for key in ("teacher", "student", "assistant"):
            recipe = getattr(self, key)
            if shared != FLOAT32 and recipe is not None and recipe.precision is None:
                object.__setattr__(self, key, recipe.replace(precision=shared))
        return self

    @model_validator(mode="after")
    def _check_taught(self) -> Self:
        """Checks what learns from the teacher against how it does."""
        loss = self.distillation
        shares = loss.student_loss_weight, loss.student_loss_weight_end
        learns_labels = self.control or self.tuning is not None or any(shares)
        for model in filter(None, (self.student, self.assistant)):
            hyperparameters.require_views(model, self.views)
            section = model.section_name()
            expected = (
                f"true with {section}.augmentation: only then the teacher predicts what "
                "it makes"
            )
            fine = self.views.fresh or not model.augmentation
            require(fine, "views.fresh", False, expected)
            fine = learns_labels or not model.label_smoothing
            expected = "0 without a share of the labels, student_loss_weight"
            key = f"{section}.label_smoothing"
            require(fine, key, model.label_smoothing, expected)
        return self

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Checks between sections."""
        for fine, reason in (
            (self.ensemble.size == 1, "an ensemble, whose features cannot be averaged"),
            (not self.assistant, "an assistant, whose layers are not the teacher's"),
            (self.teacher.source is None, "a teacher that is not trained here"),
        ):
            pairs = len(self.distillation.features)
            expected = f"empty with {reason}"
            require(fine or not pairs, "distillation.features", pairs, expected)
        teachers = self.ensemble.recipes(self.teacher)
        copies = len(teachers) > 1 and not self.ensemble.members
        expected = "1 with teacher.from: equal teachers are one; see ensemble.members"
        fine = self.teacher.source is None or not copies
        require(fine, "ensemble.size", len(teachers), expected)
        require(
            bool(PIPELINE_NAME.fullmatch(self.pipeline_name)),
            "pipeline.name",
            self.pipeline_name,
            "1 to 63 lower-case letters, digits and dashes, not starting with a dash",
        )
        if self.tuning is not None:
            given = self.hyperparameters
            expected = "null while tuning searches; --set tuning=null uses these"
            require(given is None, "hyperparameters", given, expected)
            tuning = self.tuning.resolved(self.student, self.distillation, self.views)
            object.__setattr__(self, "tuning", tuning)
        return self

    @model_validator(mode="after")
    def _check_eval(self) -> Self:
        """Refuses to choose anything by the images that the gate tests on."""
        models = [*self.ensemble.recipes(self.teacher), self.student, self.assistant]
        reasons = ["tuning searches"] if self.tuning is not None else []
        for model in models:
            if model is not None and model.early_stopping.is_used:
                reasons.append(
                    f"{model.section_name()}.early_stopping chooses an epoch"
                )
        splits = self.data.splits
        for reason in reasons:
            expected = (
                f"another split than data.splits.test, {splits.test}, while {reason}"
            )
            fine = self.data.images is not None or splits.eval != splits.test
            require(fine, "data.splits.eval", splits.eval, expected)
        return self

    @model_validator(mode="after")
    def _check_answers(self) -> Self:
        """Refuses what needs a model of a teacher that is only a file."""
        if self.teacher.answers is None:
            return self
        pairs = len(self.distillation.features)
        for key, given, allowed, reason in (
            ("ensemble.size", self.ensemble.size, 1, "a file is one teacher"),
            ("distillation.features", pairs, 0, "a file has no layers"),
            ("views.fresh", self.views.fresh, False, "a file cannot predict them"),
        ):
            expected = f"{str(allowed).lower()} with teacher.answers: {reason}"
            require(given == allowed, key, given, expected)
        corruptions = self.gate.corruptions
        margin = corruptions.margin if corruptions else None
        expected = "null with teacher.answers: a file cannot answer corrupted images"
        require(margin is None, "gate.corruptions.margin", margin, expected)
        return self

    def secret_references(self) -> dict[str, str]:
        """By key, the secrets that the run needs after its nodes have done their work."""
        given = {
            "registry.token": self.registry.token if self.registry.url else None,
            "webhook.url": self.webhook.url,
            "tracking.mlflow": self.tracking.mlflow,
            "webhook.token": self.webhook.token if self.webhook.url else None,
        }
        return {
            key: value
            for key, value in given.items()
            if value is not None and secret_reference.is_reference(value)
        }

    def with_names(self) -> Self:
        """The same, with the pipeline's name written out."""
        return self.replace(pipeline=self.pipeline.replace(name=self.pipeline_name))

    def to_yaml(self) -> str:
        values = self.model_dump(mode="json", context=WHOLE)
        return yaml.safe_dump(values, sort_keys=False)

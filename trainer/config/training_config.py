"""How each model is trained: `teacher`, `student`, `assistant`, `ensemble`."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeInt,
    PositiveInt,
    SerializationInfo,
    model_serializer,
    model_validator,
)
from typing_extensions import Self

from tfx_distill.trainer.config.imported_config import ImportedConfig, is_function
from tfx_distill.trainer.config.keras_config import (
    EarlyStoppingConfig,
    KerasConfig,
    OptimizerConfig,
)
from tfx_distill.trainer.config.moved_paths import current_path
from tfx_distill.trainer.config.section import (
    NUMBER,
    WHOLE,
    Degrees,
    Items,
    Rule,
    Section,
    Seed,
    Table,
    require,
)

AnswersKind = Literal["logits", "probabilities", "votes"]
ANSWERS_KINDS: tuple[str, ...] = get_args(AnswersKind)

Precision = Literal["auto", "float32", "mixed_bfloat16"]
AUTO_PRECISION, FLOAT32, MIXED_BFLOAT16 = get_args(Precision)

MAX_SEEDS = 9

_ARCHITECTURES = "tfx_distill.trainer.models.architectures"
DottedPath = Annotated[
    str,
    Rule(
        "the dotted path of a function, such as my_package.models.my_model",
        lambda path: "." in path,
    ),
    AfterValidator(current_path),
]
_Architecture = Annotated[
    DottedPath,
    Field(description="Function: (image_shape, num_classes) -> Keras model"),
]
_AnswersFile = Annotated[
    str,
    Rule("a .parquet or .npz file", lambda p: p.lower().endswith((".parquet", ".npz"))),
]
_Epochs = Annotated[int, Field(ge=1, description="Passes over the training split")]
# Adam moves each weight by about this much per step: float32 weights do not change by
# less, and are gone after one step of more.
_LearningRate = Annotated[
    float,
    Field(ge=1e-7, le=1, description="Learning rate (the schedule's peak)"),
    NUMBER,
]
_Weight = Annotated[float, Field(ge=0), NUMBER]

# Keys that change nothing while they are empty, zero or false.
_OFTEN_UNUSED = (
    "files", "warmup_share", "optimizer", "label_smoothing", "class_weight",
    "balanced_sampling", "early_stopping", "augmentation", "precision",
)  # fmt: skip


class TrainingConfig(Section):
    """How one model is trained; the base of the teacher's and student's sections."""

    model: _Architecture
    options: Table[Any] = Field(
        {}, description="Further arguments of that function, such as {units: 64}"
    )
    files: Items[str] = Field(
        (),
        description="Files and folders that this function reads; changed ones make "
        "another model",
    )
    epochs: _Epochs
    batch_size: PositiveInt = Field(256, description="Examples per step")
    learning_rate: _LearningRate
    schedule: Literal["cosine", "constant"] = Field(
        "cosine", description="Learning rate schedule; cosine falls to zero"
    )
    warmup_share: Annotated[float, Field(ge=0, lt=1), NUMBER] = Field(
        0.0, description="Share of the steps in which the learning rate rises from 0"
    )
    optimizer: OptimizerConfig = Field(default_factory=OptimizerConfig)
    label_smoothing: Annotated[float, Field(ge=0, lt=1), NUMBER] = Field(
        0.0, description="Share of each label that is spread over all classes"
    )
    class_weight: Literal["balanced"] | Table[_Weight] | None = Field(
        None,
        description="Weight of the loss by class name, such as {cat: 2}; balanced: "
        "each class counts the same",
    )
    balanced_sampling: bool = Field(
        False, description="An epoch draws from each class equally often"
    )
    early_stopping: EarlyStoppingConfig = Field(default_factory=EarlyStoppingConfig)
    augmentation: Items[KerasConfig] = Field(
        (),
        description="Random changes of training images: layers of Keras's, such as "
        "{name: RandomErasing, factor: 0.5}, or functions: (images, rng) -> images",
    )
    precision: Precision | None = Field(
        None,
        description="What it is trained in, as training.precision, which null leaves it to",
    )
    shuffle: bool = Field(True, description="False: examples in file order")
    seed: Seed = Field(0, description="Seed of weights, order and augmentation")

    @model_validator(mode="after")
    def _check_sampling(self) -> Self:
        expected = "null with balanced_sampling: both count rare classes more"
        fine = not (self.balanced_sampling and self.class_weight)
        require(fine, "class_weight", self.class_weight, expected)
        fine = self.shuffle or not self.balanced_sampling
        require(fine, "balanced_sampling", True, "false with shuffle: false")
        return self

    @model_serializer(mode="wrap")
    def _without_unused(self, handler: Any, info: SerializationInfo) -> dict[str, Any]:
        """Without what is not used, so that models of earlier versions stay cached."""
        left_out = () if info.context == WHOLE else _OFTEN_UNUSED
        return {k: v for k, v in handler(self).items() if v or k not in left_out}


class TeacherConfig(TrainingConfig):
    """The teacher, trained on the labels, or imported."""

    source: Annotated[
        int | str | None,
        Rule(
            "null, a path, a function of keras.applications or KerasHub, or an "
            "artifact's id, an integer > 0",
            lambda given: (
                given is None
                or (given.strip() if isinstance(given, str) else given > 0)
            ),
        ),
    ] = Field(
        None,
        alias="from",
        description="A teacher that exists already: a .keras file, a SavedModel, a "
        "pushed version, a function such as keras.applications.ResNet50, or an "
        "artifact's id; null: it is trained",
    )
    imported: ImportedConfig = Field(default_factory=ImportedConfig)

    model: _Architecture = f"{_ARCHITECTURES}.teacher"
    epochs: _Epochs = 8
    learning_rate: _LearningRate = 4e-3
    max_shift: NonNegativeInt = Field(2, description="Random shift in pixels, each way")
    max_rotation: Degrees = Field(
        0.0, description="Random rotation in degrees, each way"
    )
    flip: bool = Field(False, description="Mirror half of the images left to right")
    answers: _AnswersFile | None = Field(
        None,
        description="A file with the answer to each image; nothing is trained then",
    )
    answers_kind: AnswersKind | None = Field(
        None, description="What the file has; null: as it says itself"
    )

    @model_validator(mode="after")
    def _check_answers(self) -> Self:
        fine = self.answers is not None or self.answers_kind is None
        require(fine, "answers_kind", self.answers_kind, "null without teacher.answers")
        expected = "null with teacher.from: a model or its answers"
        fine = self.answers is None or self.source is None
        require(fine, "answers", self.answers, expected)
        return self

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        function, weights = is_function(self.source), self.imported.weights
        expected = (
            f"a file with the weights of {self.source}"
            if function
            else "null unless teacher.from names a function of keras.applications or "
            "KerasHub"
        )
        require(function == bool(weights), "imported.weights", weights, expected)
        return self


class StudentConfig(TrainingConfig):
    """The student, trained on the teacher's predictions."""

    model: _Architecture = f"{_ARCHITECTURES}.student"
    epochs: _Epochs = 14
    learning_rate: _LearningRate = 12e-3
    quantization_aware_epochs: NonNegativeInt = Field(
        0, description="Number of final epochs trained with simulated int8"
    )
    views: PositiveInt | None = Field(
        None, description="Number of views an epoch draws from; null: all"
    )

    @model_validator(mode="after")
    def _check_quantization(self) -> Self:
        number, most = self.quantization_aware_epochs, self.epochs
        expected = f"an integer in [0, {most}], the number of epochs"
        require(number <= most, "quantization_aware_epochs", number, expected)
        expected = "0 with early_stopping, which ends or undoes these epochs"
        fine = not (number and self.early_stopping.is_used)
        require(fine, "quantization_aware_epochs", number, expected)
        fine = not number or self.precision != MIXED_BFLOAT16
        expected = "float32 with quantization_aware_epochs, which round themselves"
        require(fine, "precision", self.precision, expected)
        return self


class AssistantConfig(StudentConfig):
    """A model between teacher and student (Mirzadeh et al. 2020, arXiv:1902.03393)."""

    model: _Architecture = f"{_ARCHITECTURES}.article_student"
    learning_rate: _LearningRate = 4e-3

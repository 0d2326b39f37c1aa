"""Objects of Keras in the configuration: by Keras's names, with Keras's arguments."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, model_validator
from typing_extensions import Self

from tfx_distill.trainer.config.section import (
    NUMBER,
    PositiveNumber,
    ShortSection,
    as_json,
    number,
    require,
)

_NonNegativeNumber = Annotated[float, Field(ge=0), NUMBER]


class KerasConfig(ShortSection):
    """An object of Keras: its name, and its arguments beside it."""

    model_config = ConfigDict(extra="allow")

    name: str

    @model_validator(mode="before")
    @classmethod
    def _read(cls, values: Any) -> Any:
        """A name alone is a mapping of it; YAML reads 1e-3 as a string."""
        if isinstance(values, str):
            return {"name": values}
        if not isinstance(values, Mapping):
            return values
        return as_json({key: number(value) for key, value in values.items()})

    @property
    def is_function(self) -> bool:
        """Whether the name is the dotted path of a function of the user's."""
        return "." in self.name

    @property
    def arguments(self) -> dict[str, Any]:
        """What is given beside the name; what is null is left to Keras."""
        given = dict(self)
        return {k: v for k, v in given.items() if k != "name" and v is not None}


class OptimizerConfig(KerasConfig):
    """Any optimizer of Keras's; arguments without a line here go beside these."""

    NAME: ClassVar[str] = "optimizer"

    name: str = Field("adam", description="Keras's name, such as adamw or sgd")
    weight_decay: _NonNegativeNumber | None = Field(
        None,
        description="Taken off each weight per step, times the rate",
    )
    clipnorm: PositiveNumber | None = Field(
        None, description="Largest norm of the gradient of each variable"
    )
    clipvalue: PositiveNumber | None = Field(
        None, description="Largest value of a gradient"
    )
    global_clipnorm: PositiveNumber | None = Field(
        None, description="Largest norm of all gradients together"
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = ("clipnorm", "clipvalue", "global_clipnorm")
        given = [name for name in names if getattr(self, name) is not None]
        if given[1:]:
            require(False, given[1], getattr(self, given[1]), f"null with {given[0]}")
        return self


class EarlyStoppingConfig(ShortSection):
    """Which epoch's weights are kept, by what the split `eval` says."""

    NAME: ClassVar[str] = "early_stopping"

    patience: NonNegativeInt | None = Field(
        None, description="Stop after so many epochs without improvement; null: never"
    )
    restore_best_weights: bool = Field(
        False, description="Keep the weights of the best epoch, not of the last"
    )
    monitor: Literal["val_accuracy", "val_loss"] = Field(
        "val_accuracy", description="What is to improve, on the split eval"
    )
    min_delta: _NonNegativeNumber = Field(
        0.0, description="What counts as an improvement is more than this"
    )
    start_from_epoch: NonNegativeInt = Field(
        0, description="Number of first epochs that do not count"
    )

    @property
    def is_used(self) -> bool:
        """Whether `eval` chooses an epoch."""
        return self.patience is not None or self.restore_best_weights

    @model_validator(mode="after")
    def _check(self) -> Self:
        expected = "an integer >= 0, or restore_best_weights true, with other keys"
        fine = self.is_used or not self.model_dump()
        require(fine, "patience", self.patience, expected)
        return self

"""The section `tracking`: experiment trackers that a finished local run is told to."""

from __future__ import annotations

from pydantic import Field

from tfx_distill.trainer.config.secret_reference import SecretUrl
from tfx_distill.trainer.config.section import Section


class TrackingConfig(Section):
    """Experiment trackers that finished local runs are sent to; never needed."""

    mlflow: SecretUrl | None = Field(
        None, description="MLflow's tracking server, or its place as env:NAME"
    )
    wandb: str | None = Field(None, description="Project of Weights & Biases")
    experiment: str = Field(
        "", description="MLflow's experiment, W&B's group; empty: the pipeline's name"
    )

"""The section `registry`: a Kubeflow Model Registry that hears of pushed students."""

from __future__ import annotations

from pydantic import Field

from tfx_distill.trainer.config.secret_reference import SecretReference, Url
from tfx_distill.trainer.config.section import Section


class RegistryConfig(Section):
    """Where pushed students are registered, after the push."""

    url: Url | None = Field(
        None, description="Of a Kubeflow Model Registry; null: no registration"
    )
    model: str = Field("", description="Registered model; empty: the pipeline's name")
    token: SecretReference | None = Field(
        None, description="Bearer token as env:NAME or file:/PATH; null: none is sent"
    )

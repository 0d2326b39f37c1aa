"""The section `webhook`: who is told how runs end."""

from __future__ import annotations

from pydantic import Field

from tfx_distill.trainer.config.secret_reference import (
    SecretReference,
    SecretUrl,
    Url,
)
from tfx_distill.trainer.config.section import Section


class WebhookConfig(Section):
    """An address that gets a POST when a run ends, however it ends."""

    url: SecretUrl | None = Field(
        None, description="Address, or its place as env:NAME; null: nobody is told"
    )
    token: SecretReference | None = Field(
        None, description="Bearer token as env:NAME or file:/PATH; null: none is sent"
    )
    page: Url | None = Field(
        None, description="Kubeflow's web interface, for the link to a run on a cluster"
    )

"""Tells a webhook how a run ended: the same JSON from this machine and from a cluster."""

from __future__ import annotations

import dataclasses
from typing import Any

from tfx_distill.components.checks import Bound
from tfx_distill.pipeline.config.webhook_config import WebhookConfig
from tfx_distill.trainer.config import secret_reference
from tfx_distill.trainer.json_service import JsonService, ServiceError

PUSHED, REFUSED, COMPLETED = "pushed", "refused", "completed"
FAILED, UNKNOWN = "failed", "unknown"


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunReport:
    """The end of a run.

    Attributes:
        pipeline: Its name.
        run: The run's ID.
        state: `pushed`; `refused`, by a gate; `completed`, when nothing was decided or
            the decision is that of an earlier run; `failed`; `unknown`, when nobody could
            be asked.
        version: The pushed version, of a run that failed afterwards, too; empty if none
            was.
        uri: Its folder.
        bounds: Each bound of both gates, with the worst class of those by class.
        reasons: Why the student was refused.
        errors: Why the run failed, or why its state is unknown.
        link: The run's page, or its report; empty if there is none.
    """

    pipeline: str = ""
    run: str
    state: str
    version: str = ""
    uri: str = ""
    bounds: tuple[Bound, ...] = ()
    reasons: tuple[str, ...] = ()
    errors: tuple[str, ...] = ()
    link: str = ""

    def to_dict(self) -> dict[str, Any]:
        """What is sent."""
        return {
            **dataclasses.asdict(self),
            "bounds": [
                {**dataclasses.asdict(bound.worst), "num_failed": bound.num_failed}
                for bound in self.bounds
            ],
        }


def send(webhook: WebhookConfig, report: RunReport) -> None:
    """Sends a report.

    Raises:
        DistillError: In one line, if the webhook did not take it.
    """
    url = secret_reference.read(str(webhook.url), "webhook.url")
    token = webhook.token and secret_reference.read(webhook.token, "webhook.token")
    # The address may be a secret itself.
    service = JsonService(url, token, name=f"The webhook {webhook.url}")
    if service.post("", report.to_dict()) is None:
        raise ServiceError(f"The webhook {webhook.url} answered 409, expected 200.")

"""Schedules on a server: pipelines that run again and again."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_distill.pipeline.runners.kubeflow.client import cron as cron_
from tfx_distill.pipeline.runners.kubeflow.client import server_connection
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    NotFound,
    ServerError,
)
from tfx_distill.trainer.errors import ConfigError

if TYPE_CHECKING:
    from tfx_distill.pipeline.runners.kubeflow.client.runs_client import Submission


@dataclasses.dataclass(frozen=True)
class Recurring:
    """A schedule on the server."""

    id: str
    name: str
    status: str  # ENABLED, DISABLED, or as the server says
    cron: str
    max_concurrency: str
    parameters: Mapping[str, Any]

    def next_moment(self, now: datetime.datetime) -> datetime.datetime | None:
        """When it fires next, by the server's clock in UTC; None: not, or unknown."""
        if self.status != "ENABLED" or not self.cron:
            return None
        try:
            return next(cron_.parse(self.cron).moments(now), None)
        except ConfigError:  # made by something else, with five fields perhaps
            return None


class Schedules:
    """What there is, and what is done to it."""

    def __init__(self, server: server_connection.Server) -> None:
        self._server = server

    def create(
        self,
        submission: Submission,
        name: str,
        arguments: Mapping[str, Any],
        cron: cron_.Schedule,
        *,
        max_concurrency: int = 1,
        start: str | None = None,
        end: str | None = None,
        catchup: bool = False,
        pipeline_root: str | None = None,
        service_account: str | None = None,
    ) -> str:
        """Makes a schedule; returns its id."""
        with self._server.calling(f"create the schedule {name}"):
            made = self._server.create_recurring_run(
                experiment_id=submission.experiment_id,
                job_name=name,
                cron_expression=cron.expression,
                start_time=start,
                end_time=end,
                max_concurrency=max_concurrency,
                no_catchup=not catchup,
                params=dict(arguments),
                pipeline_id=submission.pipeline_id,
                version_id=submission.version_id,
                pipeline_root=pipeline_root,
                service_account=service_account,
            )
        return str(made.recurring_run_id)

    def refuse_second(self, name: str) -> None:
        """Raises if there is a schedule of that name: both would fire."""
        there = [found.id for found in self.all(name)]
        if there:
            raise ServerError(
                f"There is a schedule {name!r} already ({', '.join(there)}); two would "
                "both fire. Delete it first, or give this one another --name."
            )

    def all(self, name: str | None = None) -> list[Recurring]:
        """All schedules, or those of a name."""
        pages = self._server.pages(
            "list the schedules",
            "recurring_runs",
            lambda **page: self._server.list_recurring_runs(
                namespace=self._server.namespace,
                filter=server_connection.named(name) if name else None,
                **page,
            ),
        )
        return [_recurring(item) for item in pages]

    def found(self, name_or_id: str) -> Recurring:
        """The one schedule of that name or id.

        Raises:
            ServerError: If there is none, or are several.
        """
        if _is_id(name_or_id):
            with self._server.calling(f"find the schedule {name_or_id}"):
                return _recurring(self._server.get_recurring_run(name_or_id))
        found = self.all(name_or_id)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(item.id for item in found)
            raise ServerError(
                f"{len(found)} schedules are called {name_or_id!r}. Give an ID: {ids}."
            )
        names = ", ".join(sorted({item.name for item in self.all()})) or "none"
        raise NotFound(f"There is no schedule {name_or_id!r}. There are: {names}.")

    def pause(self, schedule: Recurring) -> None:
        with self._server.calling(f"pause the schedule {schedule.name}"):
            self._server.disable_recurring_run(schedule.id)

    def resume(self, schedule: Recurring) -> None:
        with self._server.calling(f"resume the schedule {schedule.name}"):
            self._server.enable_recurring_run(schedule.id)

    def delete(self, schedule: Recurring) -> None:
        with self._server.calling(f"delete the schedule {schedule.name}"):
            self._server.delete_recurring_run(schedule.id)


def _recurring(item: Any) -> Recurring:
    trigger = item.trigger
    schedule = trigger.cron_schedule if trigger else None
    runtime = item.runtime_config
    return Recurring(
        id=str(item.recurring_run_id),
        name=str(item.display_name),
        status=str(item.status or item.mode or ""),
        cron=(schedule.cron or "") if schedule else "",
        max_concurrency=str(item.max_concurrency or ""),
        parameters=(runtime.parameters or {}) if runtime else {},
    )


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False

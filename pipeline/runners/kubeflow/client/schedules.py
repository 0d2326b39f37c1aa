"""Schedules on a server, which run a pipeline repeatedly."""

from __future__ import annotations

import dataclasses
import datetime
import uuid
from typing import Any

from tfx_distill.pipeline.runners.kubeflow import server_names
from tfx_distill.pipeline.runners.kubeflow.client import (
    cron,
    run_progress,
    schedule_timing,
    submissions,
)
from tfx_distill.pipeline.runners.kubeflow.client.server_connection import (
    Server,
    equals_filter,
    name_filter,
)
from tfx_distill.pipeline.runners.kubeflow.client.server_errors import (
    NotFound,
    ServerError,
    created_despite,
)
from tfx_distill.pipeline.runners.kubeflow.run_request import RunRequest
from tfx_distill.trainer.errors import ConfigError

_NUM_NEWEST = 100  # of a schedule's runs; a held one has started none after those


@dataclasses.dataclass(frozen=True)
class ScheduleState:
    """A schedule as the server describes it."""

    id: str
    name: str
    status: str  # ENABLED or DISABLED, unless the server has others
    cron: str
    max_concurrency: int = 1

    def next_moment(self, now: datetime.datetime) -> datetime.datetime | None:
        """When it fires next, if the server uses UTC; None: never, or unknown."""
        if self.status != "ENABLED" or not self.cron:
            return None
        try:
            return next(cron.parse(self.cron).moments(now), None)
        except ConfigError:  # not created here, perhaps with five fields
            return None


class Schedules:
    """The schedules on a server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def submit(
        self,
        request: RunRequest,
        name: str | None,
        timing: schedule_timing.Timing,
        *,
        max_concurrency: int = 1,
        catchup: bool = False,
    ) -> tuple[ScheduleState, submissions.Submission]:
        """Uploads a pipeline and creates a schedule for it.

        Raises:
            ServerError: Also if a schedule with that name exists, since both would fire.
        """
        name = name or request.package.name
        server_names.require("--name", name)
        existing = [found.id for found in self.all(name)]
        if existing:
            raise ServerError(
                f"There is a schedule {name!r} already ({', '.join(existing)}), and both "
                "would fire. Delete it first, or choose another --name."
            )
        submission = submissions.submit(self._server, request)
        options = {
            "max_concurrency": max_concurrency,
            "no_catchup": not catchup,
            **submission.client_arguments(),
        }
        return self._create(name, timing, options), submission

    def _create(
        self, name: str, timing: schedule_timing.Timing, options: dict[str, Any]
    ) -> ScheduleState:
        try:
            with self._server.calling(f"create the schedule {name}"):
                created = self._server.create_recurring_run(
                    job_name=name,
                    cron_expression=timing.cron.expression,
                    start_time=schedule_timing.rfc3339(timing.start),
                    end_time=schedule_timing.rfc3339(timing.end),
                    **options,
                )
            return _state(created)
        except ServerError as error:
            return created_despite(
                error,
                lambda: next(iter(self.all(name)), None),
                "distill kubeflow schedules",
            )

    def all(self, name: str | None = None) -> list[ScheduleState]:
        """Returns all schedules, or those with a name."""
        pages = self._server.pages(
            "list the schedules",
            "recurring_runs",
            lambda **page: self._server.list_recurring_runs(
                namespace=self._server.namespace,
                filter=name_filter(name) if name else None,
                **page,
            ),
        )
        return [_state(item) for item in pages]

    def find(self, name_or_id: str) -> ScheduleState:
        """Returns the only schedule with that name or ID.

        Raises:
            ServerError: If there is none, or more than one.
        """
        if _is_id(name_or_id):
            with self._server.calling(f"find the schedule {name_or_id}"):
                return _state(self._server.get_recurring_run(name_or_id))
        found = self.all(name_or_id)
        if len(found) == 1:
            return found[0]
        if found:
            ids = ", ".join(item.id for item in found)
            raise ServerError(
                f"{len(found)} schedules are named {name_or_id!r}. Use an ID: {ids}."
            )
        names = ", ".join(sorted({item.name for item in self.all()})) or "none"
        raise NotFound(f"There is no schedule {name_or_id!r}. There are: {names}.")

    def holding(self, schedule: ScheduleState) -> list[Any]:
        """The runs, as `V2beta1Run`, that keep a schedule from starting another."""
        if schedule.status != "ENABLED":
            return []
        with self._server.calling(f"list the runs of the schedule {schedule.name}"):
            newest = self._server.list_runs(
                namespace=self._server.namespace,
                filter=equals_filter("recurring_run_id", schedule.id),
                sort_by="created_at desc",
                page_size=_NUM_NEWEST,
            )
        open_ones = [
            run for run in newest.runs or [] if run.state not in run_progress.ENDED
        ]
        is_held = len(open_ones) >= schedule.max_concurrency
        return open_ones if is_held else []

    def pause(self, schedule: ScheduleState) -> None:
        with self._server.calling(f"pause the schedule {schedule.name}"):
            self._server.disable_recurring_run(schedule.id)

    def resume(self, schedule: ScheduleState) -> None:
        with self._server.calling(f"resume the schedule {schedule.name}"):
            self._server.enable_recurring_run(schedule.id)

    def delete(self, schedule: ScheduleState) -> None:
        with self._server.calling(f"delete the schedule {schedule.name}"):
            self._server.delete_recurring_run(schedule.id)


def _state(item: Any) -> ScheduleState:
    trigger = item.trigger
    schedule = trigger.cron_schedule if trigger else None
    return ScheduleState(
        id=str(item.recurring_run_id),
        name=str(item.display_name),
        status=str(item.status or item.mode or ""),
        cron=(schedule.cron or "") if schedule else "",
        max_concurrency=int(item.max_concurrency or 1),
    )


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False

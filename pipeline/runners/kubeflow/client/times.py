"""Moments and windows of time, as the server reads and writes them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

from tfx_distill.pipeline.runners.kubeflow.client.cron import Schedule
from tfx_distill.trainer.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Window:
    """From when until when a schedule may fire; None: no such bound. In UTC."""

    start: datetime.datetime | None = None
    end: datetime.datetime | None = None

    @property
    def start_text(self) -> str | None:
        return text(self.start) or None

    @property
    def end_text(self) -> str | None:
        return text(self.end) or None

    def moments(
        self, schedule: Schedule, now: datetime.datetime
    ) -> Iterator[datetime.datetime]:
        """Yields the moments at which the schedule will fire."""
        for moment in schedule.moments(max(now, self.start or now)):
            if self.end is not None and moment > self.end:
                return
            yield moment


def window(start: str | None, end: str | None) -> Window:
    """Reads both ends.

    Raises:
        ConfigError: If one is no moment, or the end is past or not after the start.
    """
    result = Window(_moment("--start", start), _moment("--end", end))
    if result.end is not None:
        now = datetime.datetime.now(datetime.timezone.utc)
        if result.end <= max(now, result.start or now):
            raise ConfigError(f"--end: {end} is over, or not after the start.")
    return result


def text(moment: datetime.datetime | None) -> str:
    """A moment as RFC 3339 in UTC; the empty string for none."""
    return "" if moment is None else f"{moment:%Y-%m-%dT%H:%M:%SZ}"


def _moment(option: str, given: str | None) -> datetime.datetime | None:
    if given is None:
        return None
    try:
        # Python 3.10 does not know the Z.
        moment = datetime.datetime.fromisoformat(given.upper().replace("Z", "+00:00"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            f"{option}: received {given!r}, expected a time with its zone, as "
            "2030-01-31T00:00:00Z."
        )
    return moment.astimezone(datetime.timezone.utc)

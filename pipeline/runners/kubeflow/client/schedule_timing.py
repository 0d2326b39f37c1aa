"""When a schedule fires, and times as the server writes them."""

from __future__ import annotations

import dataclasses
import datetime
from collections.abc import Iterator

from tfx_distill.pipeline.runners.kubeflow.client import cron
from tfx_distill.trainer.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Timing:
    """A cron schedule within a period, in UTC; None means no bound."""

    cron: cron.Schedule
    start: datetime.datetime | None = None
    end: datetime.datetime | None = None

    def moments(self, now: datetime.datetime) -> Iterator[datetime.datetime]:
        """Yields the times at which it will fire."""
        for moment in self.cron.moments(max(now, self.start or now)):
            if self.end is not None and moment > self.end:
                return
            yield moment


def parse(expression: str, start: str | None = None, end: str | None = None) -> Timing:
    """Parses a cron expression and both bounds.

    Raises:
        ConfigError: If the server would reject the expression, a bound is not a time
            with a zone, or the end is in the past or not after the start.
    """
    timing = Timing(
        cron.parse(expression), _moment("--start", start), _moment("--end", end)
    )
    if timing.end is not None:
        now = datetime.datetime.now(datetime.timezone.utc)
        if timing.end <= max(now, timing.start or now):
            raise ConfigError(f"--end: {end} is in the past or not after the start.")
    return timing


def rfc3339(moment: datetime.datetime | None) -> str | None:
    """A time in UTC as RFC 3339, in whole seconds."""
    if moment is None:
        return None
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _moment(option: str, given: str | None) -> datetime.datetime | None:
    if given is None:
        return None
    try:
        # Python 3.10 cannot parse the Z.
        moment = datetime.datetime.fromisoformat(given.upper().replace("Z", "+00:00"))
        if moment.tzinfo is not None:
            return moment.astimezone(datetime.timezone.utc)
    except (ValueError, OverflowError):  # overflow: in UTC, year 0 or 10000
        pass
    raise ConfigError(
        f"{option}: received {given!r}, expected a time with its zone, as in "
        "2030-01-31T00:00:00Z, from year 1 to 9999 in UTC."
    )

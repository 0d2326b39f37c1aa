"""Cron expressions of Kubeflow Pipelines: six fields, seconds first.

The API server and its controller parse them with version 1.2.0 of the Go package
robfig/cron. It also accepts five fields, but reads the first one as seconds:
`0 2 * * *`, which means "at 02:00" elsewhere, is "in minute 2 of every hour". So five
fields are rejected here.
"""

from __future__ import annotations

import dataclasses
import datetime
import math
import re
from collections.abc import Iterator

from tfx_distill.trainer.errors import ConfigError

_MONTHS = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
]  # fmt: skip
_DAYS = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]
_YEARS = 5  # how far the controller looks ahead


@dataclasses.dataclass(frozen=True)
class _Field:
    name: str
    low: int
    high: int
    names: dict[str, int] = dataclasses.field(default_factory=dict)


_FIELDS = (
    _Field("second", 0, 59),
    _Field("minute", 0, 59),
    _Field("hour", 0, 23),
    _Field("day of month", 1, 31),
    _Field("month", 1, 12, {name: n for n, name in enumerate(_MONTHS, start=1)}),
    _Field("day of week", 0, 6, {name: n for n, name in enumerate(_DAYS)}),
)
_DESCRIPTORS = {
    "@yearly": "0 0 0 1 1 *",
    "@annually": "0 0 0 1 1 *",
    "@monthly": "0 0 0 1 * *",
    "@weekly": "0 0 0 * * 0",
    "@daily": "0 0 0 * * *",
    "@midnight": "0 0 0 * * *",
    "@hourly": "0 0 * * * *",
}
_EVERY = "@every "
_UNIT_SECONDS = {
    "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9,
}  # fmt: skip
_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|µs|ms|s|m|h)")


@dataclasses.dataclass(frozen=True)
class Schedule:
    """The times at which an expression fires.

    Attributes:
        expression: As sent to the server.
        values: The matching values of each of the six fields.
        any_day: Whether one of the two day fields is a star. If so, a day must match
            both fields; otherwise one of them is enough.
        every_s: Seconds between two firings of `@every`, which has no fields.
    """

    expression: str
    values: tuple[frozenset[int], ...] = ()
    any_day: bool = True
    every_s: int | None = None

    def moments(self, after: datetime.datetime) -> Iterator[datetime.datetime]:
        """Yields the times after `after`, in its time zone, for five years."""
        second = datetime.timedelta(seconds=1)
        start = after.replace(microsecond=0)
        if self.every_s is not None:
            num_moments = _seconds_ahead(start) // self.every_s
            for number in range(1, num_moments + 1):
                yield start + number * self.every_s * second
            return
        seconds, minutes, hours = (sorted(values) for values in self.values[:3])
        midnight = start.replace(hour=0, minute=0, second=0)
        for day in range(_seconds_ahead(start) // 86400 + 1):
            date = midnight + datetime.timedelta(days=day)
            if not self._matches(date):
                continue
            for moment in (
                date.replace(hour=hour, minute=minute, second=second_)
                for hour in hours
                for minute in minutes
                for second_ in seconds
            ):
                if moment > start:
                    yield moment

    def _matches(self, date: datetime.datetime) -> bool:
        days, months, weekdays = self.values[3:]
        of_month, of_week = date.day in days, date.isoweekday() % 7 in weekdays
        day = (of_month and of_week) if self.any_day else (of_month or of_week)
        return day and date.month in months


def _seconds_ahead(start: datetime.datetime) -> int:
    """How far to look: five years, or to the end of Python's calendar."""
    last = datetime.datetime.max.replace(tzinfo=start.tzinfo)
    return min(_YEARS * 366 * 86400, int((last - start).total_seconds()))


def parse(expression: str) -> Schedule:
    """Parses an expression.

    Raises:
        ConfigError: If the server would reject it or read it differently.
    """
    text = " ".join(expression.split())
    if text.startswith(_EVERY):
        return Schedule(text, every_s=_every_s(text))
    fields = _DESCRIPTORS.get(text, text).split(" ")
    if text.startswith("@") and text not in _DESCRIPTORS:
        raise ConfigError(
            f"cron: received {expression!r}, expected one of "
            f"{', '.join(_DESCRIPTORS)}, or @every 1h30m."
        )
    if len(fields) != len(_FIELDS):
        raise ConfigError(_wrong_number(text, fields))
    values = tuple(
        _values(text, field, part) for field, part in zip(_FIELDS, fields, strict=True)
    )
    stars = any(re.search(r"(?:^|,)[*?]", part) for part in (fields[3], fields[5]))
    schedule = Schedule(text, values, any_day=stars)
    if next(schedule.moments(datetime.datetime(2024, 1, 1)), None) is None:
        raise ConfigError(f"cron: {text!r} does not fire in the next 5 years.")
    return schedule


def _wrong_number(text: str, fields: list[str]) -> str:
    message = (
        f"cron: received {len(fields) if text else 0} fields in {text!r}, expected six: "
        "second minute hour day-of-month month day-of-week."
    )
    if len(fields) == 5:
        seconds, minutes = fields[:2]
        message += (
            " Kubeflow would accept five, but read "
            f"{seconds!r} as the second and {minutes!r} as the minute. "
            f'Put the second first: "0 {text}".'
        )
    elif len(fields) == 7:
        message += " There is no year field."
    return message


def _values(text: str, field: _Field, part: str) -> frozenset[int]:
    values: set[int] = set()
    for item in part.split(","):
        try:
            values |= set(_range(field, item))
        except ValueError as error:
            raise ConfigError(
                f"cron: in {text!r} the {field.name} is {part!r}: {error}."
            ) from None
    return frozenset(values)


def _range(field: _Field, item: str) -> range:
    """The values of `*`, `?`, `N` or `N-M`, each optionally with `/STEP`."""
    span, slash, step_text = item.partition("/")
    step = _number(step_text) if slash else 1
    if step == 0:
        raise ValueError("a step must be above 0")
    if span in ("*", "?"):
        return range(field.low, field.high + 1, step)
    first, hyphen, last = span.partition("-")
    low = _number(first, field)
    # As in robfig/cron, N/STEP continues to the end of the field.
    high = _number(last, field) if hyphen else (field.high if slash else low)
    for value in (low, high):
        if not field.low <= value <= field.high:
            hint = " (0 is Sunday)" if field.name == "day of week" else ""
            raise ValueError(f"{value} is outside {field.low}-{field.high}{hint}")
    if low > high:
        raise ValueError(f"{low} is after {high}")
    return range(low, high + 1, step)


def _number(text: str, field: _Field | None = None) -> int:
    if field is not None and text.lower() in field.names:
        return field.names[text.lower()]
    if not re.fullmatch(r"[0-9]+", text):
        names = f" or {'/'.join(field.names)}" if field and field.names else ""
        raise ValueError(f"{text!r} is not a number{names}")
    return int(text)


def _every_s(text: str) -> int:
    duration = text[len(_EVERY) :]
    parts = _DURATION.findall(duration)
    if not parts or "".join(n + unit for n, unit in parts) != duration:
        raise ConfigError(
            f"cron: received {text!r}, expected @every with a duration such as 1h30m."
        )
    seconds = sum(float(number) * _UNIT_SECONDS[unit] for number, unit in parts)
    return max(1, math.floor(seconds))

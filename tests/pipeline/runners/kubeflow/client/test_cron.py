"""Cron expressions mean here what they mean to the server."""

import datetime
import itertools

import pytest

from tfx_distill.pipeline.runners.kubeflow.client import cron, schedule_timing
from tfx_distill.trainer.errors import ConfigError

AFTER = datetime.datetime(2026, 2, 27, 23, 30, 15, 7, tzinfo=datetime.timezone.utc)


def moments(expression, count=3):
    found = itertools.islice(cron.parse(expression).moments(AFTER), count)
    return [f"{moment:%m-%d %H:%M:%S}" for moment in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("0 0 2 * * *", ["02-28 02:00:00", "03-01 02:00:00", "03-02 02:00:00"]),
        ("0 */20 * * * *", ["02-27 23:40:00", "02-28 00:00:00", "02-28 00:20:00"]),
        ("5/30 30 23 * * *", ["02-27 23:30:35", "02-28 23:30:05", "02-28 23:30:35"]),
        ("0 0 9 ? * MON-fri", ["03-02 09:00:00", "03-03 09:00:00", "03-04 09:00:00"]),
        ("0 0 0 1 jan,JUL *", ["07-01 00:00:00", "01-01 00:00:00", "07-01 00:00:00"]),
        ("1,3 0 0 * * 0", ["03-01 00:00:01", "03-01 00:00:03", "03-08 00:00:01"]),
        ("@daily", ["02-28 00:00:00", "03-01 00:00:00", "03-02 00:00:00"]),
        ("@weekly", ["03-01 00:00:00", "03-08 00:00:00", "03-15 00:00:00"]),
        ("@every 1h30m", ["02-28 01:00:15", "02-28 02:30:15", "02-28 04:00:15"]),
        ("@every 10ms", ["02-27 23:30:16", "02-27 23:30:17", "02-27 23:30:18"]),
    ],
)
def test_moments(expression, expected):
    assert moments(expression) == expected


def test_two_bounded_day_fields_need_one_to_match():
    # The 13th, or a Monday: as robfig/cron has it when neither field is a star.
    assert moments("0 0 0 13 * 1", 3) == [
        "03-02 00:00:00",
        "03-09 00:00:00",
        "03-13 00:00:00",
    ]


def test_a_star_with_a_step_makes_both_day_fields_needed():
    assert moments("0 0 0 */2 * 1", 2) == ["03-09 00:00:00", "03-23 00:00:00"]


def test_leap_days_are_found():
    (moment,) = itertools.islice(cron.parse("0 0 0 29 2 *").moments(AFTER), 1)
    assert (moment.year, moment.day) == (2028, 29)


def test_five_fields_are_refused_with_what_the_server_would_make_of_them():
    with pytest.raises(ConfigError) as error:
        cron.parse("0 2 * * *")
    text = str(error.value)
    assert "'0' as the second and '2' as the minute" in text
    assert '"0 0 2 * * *"' in text


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("", "0 fields"),
        ("0 0 2 * * * 2026", "no year field"),
        ("60 0 2 * * *", "the second is '60': 60 is outside 0-59"),
        ("0 0 24 * * *", "the hour is '24': 24 is outside 0-23"),
        ("0 0 0 * * 7", r"outside 0-6 \(0 is Sunday\)"),
        ("0 0 0 0 * *", "outside 1-31"),
        ("0 0 0 * 13 *", "outside 1-12"),
        ("0 0 5-3 * * *", "5 is after 3"),
        ("0 0 */0 * * *", "a step must be above 0"),
        ("0 0 0 L * *", "'L' is not a number"),
        ("0 0 0 * * mo", "not a number or sun/mon"),
        ("0 0 1-2-3 * * *", "not a number"),
        ("0 0 1, * * *", "not a number"),
        ("0 0 -1 * * *", "not a number"),
        ("0 0 0 30 2 *", "does not fire"),
        ("@reboot", "@yearly"),
        ("@every 5 minutes", "a duration such as 1h30m"),
        ("TZ=UTC 0 0 2 * * *", "7 fields"),
    ],
)
def test_what_the_server_refuses_is_refused(expression, reason):
    with pytest.raises(ConfigError, match=reason):
        cron.parse(expression)


def test_a_window_bounds_the_moments():
    timing = schedule_timing.parse(
        "0 0 */12 * * *", "2430-01-01T00:00:00Z", "2430-01-02T01:00:00+01:00"
    )
    found = list(timing.moments(AFTER))
    assert [schedule_timing.rfc3339(m) for m in found] == [
        "2430-01-01T12:00:00Z",
        "2430-01-02T00:00:00Z",
    ]
    assert schedule_timing.rfc3339(timing.end) == "2430-01-02T00:00:00Z"


@pytest.mark.parametrize(
    ("start", "end", "reason"),
    [
        ("tomorrow", None, "with its zone"),
        ("2430-01-01T00:00:00", None, "with its zone"),
        (None, "2020-01-01T00:00:00Z", "is in the past"),
        ("2430-01-02T00:00:00Z", "2430-01-01T00:00:00Z", "not after the start"),
    ],
)
def test_impossible_windows_are_refused(start, end, reason):
    with pytest.raises(ConfigError, match=reason):
        schedule_timing.parse("@daily", start, end)


@pytest.mark.parametrize(
    "text", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:00:00-05:00"]
)
def test_a_time_outside_the_calendar_in_utc_is_refused(text):
    with pytest.raises(ConfigError, match="with its zone"):
        schedule_timing.parse("@daily", text)


@pytest.mark.parametrize("expression", ["0 0 12 * * *", "@every 12h"])
def test_the_end_of_the_calendar_ends_the_moments(expression):
    timing = schedule_timing.parse(expression, "9999-12-30T00:00:00Z")
    found = list(timing.moments(AFTER))
    assert schedule_timing.rfc3339(found[-1]) == "9999-12-31T12:00:00Z"


def test_a_time_before_the_year_1000_has_four_digits():
    timing = schedule_timing.parse("@daily", "0999-01-01T00:00:00Z")
    assert schedule_timing.rfc3339(timing.start) == "0999-01-01T00:00:00Z"


def test_a_year_from_a_leap_day_and_over_a_change_of_year():
    leap_day = datetime.datetime(2028, 2, 29, tzinfo=datetime.timezone.utc)
    found = itertools.islice(cron.parse("0 0 0 29 2 *").moments(leap_day), 1)
    assert [moment.year for moment in found] == [2032]
    eve = datetime.datetime(2027, 12, 31, 23, 59, 59, tzinfo=datetime.timezone.utc)
    (first,) = itertools.islice(cron.parse("0 0 * * * *").moments(eve), 1)
    assert schedule_timing.rfc3339(first) == "2028-01-01T00:00:00Z"

"""How a container ends: with the component's own status, and a line that says why."""

import logging
import os

import pytest

from tfx_distill.pipeline.runners.kubeflow.container import entrypoint
from tfx_distill.trainer.errors import DataError


@pytest.fixture
def end(monkeypatch, caplog):
    """Runs the entry point on an executor that does something; returns the status."""
    statuses = []
    monkeypatch.setattr(entrypoint.os, "_exit", statuses.append)

    def run(work):
        monkeypatch.setattr(entrypoint, "run", lambda argv: work())
        with caplog.at_level(logging.INFO):
            entrypoint.main([])
        return statuses.pop()

    return run


def _raise(error, cause=None):
    def work():
        raise error from cause

    return work


def test_work_that_is_done_ends_with_0(end):
    assert end(lambda: 0) == 0


def test_an_expected_failure_is_one_clear_line(end, caplog, capsys):
    assert end(_raise(DataError("There are no digits."))) == 1
    assert caplog.messages == ["There are no digits."]
    assert capsys.readouterr().err == ""


def test_it_is_found_in_what_beam_makes_of_it(end, caplog):
    assert end(_raise(RuntimeError("[while running]"), DataError("A bad record."))) == 1
    assert caplog.messages == ["A bad record."]


def test_an_unexpected_failure_says_where(end, capsys):
    assert end(_raise(ZeroDivisionError("by zero"))) == 1
    assert "ZeroDivisionError: by zero" in capsys.readouterr().err


@pytest.mark.parametrize(("code", "status"), [(0, 1), (None, 1), (7, 7), ("bad", 1)])
def test_foreign_code_that_exits_fails_the_task(end, caplog, code, status):
    assert end(_raise(SystemExit(code))) == status
    assert caplog.messages == [f"The executor was ended by SystemExit: {code}"]


def test_foreign_code_that_ends_the_process_fails_the_task(end, caplog):
    assert end(lambda: os._exit(0)) == 1
    assert "os._exit(0) was called" in caplog.text


def test_an_interrupt_is_a_failure(end):
    assert end(_raise(KeyboardInterrupt())) == 1


@pytest.mark.parametrize(
    ("name", "level", "expected"),
    [
        ("tfx_distill.trainer.progress", logging.INFO, True),
        ("absl", logging.INFO, False),
        ("apache_beam.runners", logging.WARNING, True),
    ],
)
def test_logs_hold_what_is_worth_reading(name, level, expected):
    record = logging.LogRecord(name, level, "", 0, "", (), None)
    assert entrypoint._is_worth_reading(record) == expected

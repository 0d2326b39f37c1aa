"""What is reported while a run is followed, on a clock of the test's own."""

import pytest

from tfx_distill.pipeline.runners.kubeflow.client import run_progress
from tfx_distill.pipeline.runners.kubeflow.client.run_progress import (
    NodeState,
    ProgressLog,
    RunState,
)


def _lines(*states, step_s=50.0):
    """Reports one node that goes through states, `step_s` seconds apart."""
    lines = []
    times = iter(number * step_s for number in range(len(states)))
    log = ProgressLog(lines.append, lambda run: "kubectl", lambda: next(times))
    for state in states:
        log.update(RunState("1", "run", "RUNNING", (NodeState("Trainer", state),)))
    return lines


def test_each_change_is_one_line():
    lines = _lines("WAITING", "POD_PENDING", "RUNNING", "RUNNING", "SUCCEEDED")
    assert [line.split()[-1] for line in lines] == ["pod", "running", "succeeded"]


def test_a_node_that_stays_pending_is_explained_once_after_two_minutes():
    assert len(_lines("POD_PENDING", "POD_PENDING", "POD_PENDING")) == 1
    lines = _lines(*["POD_PENDING"] * 8)
    assert len(lines) == 2 and "this does: kubectl" in lines[1]


def test_the_hint_does_not_depend_on_the_date(monkeypatch):
    # In a leap year there is a 29 February, but not in the next one.
    leap_day = 1835395200.0  # 2028-02-29T00:00:00Z
    times = iter([leap_day, leap_day + 121, leap_day + 400])
    monkeypatch.setattr(run_progress.time, "time", lambda: next(times))
    lines = []
    log = ProgressLog(lines.append, clock_s=run_progress.time.time)
    for _ in range(3):
        log.update(
            RunState("1", "run", "RUNNING", (NodeState("Trainer", "POD_PENDING"),))
        )
    assert len(lines) == 2


@pytest.mark.parametrize("states", [["POD_PENDING", "RUNNING"], ["RUNNING"] * 5])
def test_nodes_that_run_get_no_hint(states):
    assert not [line for line in _lines(*states) if "kubectl" in line]

"""What a person sees while a run works."""

import builtins
import io

import pytest
from rich.console import Console

from tfx_distill.pipeline.runners.local.live_progress import RunDisplay
from tfx_distill.pipeline.runners.local.results import NodeResult
from tfx_distill.trainer.progress import Progress

USUAL = {"DistillationTrainer": 60.0, "Evaluator": 12.0, "Pusher": 1.0}
METRICS = {
    "accuracy": 0.98, "loss": 0.01, "soft_loss": 0.01, "val_accuracy": 0.97,
    "val_loss": 0.02,
}  # fmt: skip


@pytest.fixture
def clock(monkeypatch):
    now = [0.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    return now


def _lines(steps, width=80):
    console = Console(width=width, force_terminal=True, color_system=None, file=None)
    with console.capture() as capture:
        console.print(steps._rendered())
    return [line.rstrip() for line in capture.get().splitlines()]


def _training(done, metrics=METRICS):
    return Progress("training the student", done, 100, "epoch 3/12", metrics)


@pytest.fixture
def steps():
    steps = RunDisplay(Console(file=io.StringIO(), force_terminal=True))
    steps.expect(USUAL)
    return steps


def test_80_columns_have_the_node_a_bar_the_clock_the_rest_and_metrics(steps, clock):
    steps.node_started("DistillationTrainer", 8, 13)
    clock[0] = 5.0
    steps.progressed(_training(0))
    clock[0] = 10.0
    steps.progressed(_training(25))
    first, second = _lines(steps)
    assert first.split()[1:4] == ["[", "9/13]", "DistillationTrainer"]
    assert "━━━━" in first and len(first) <= 80
    # A quarter took 5 s, so 15 are left; other nodes take as long as last time.
    assert first.endswith(" 0:10, 0:15 left, run 0:28 left")
    assert second.startswith("  epoch 3/12  accuracy 0.9800  loss 0.0100  soft_loss")
    assert second.endswith("…") and len(second) <= 80


def test_before_its_pace_is_known_a_node_takes_as_long_as_last_time(steps, clock):
    steps.node_started("DistillationTrainer", 8, 13)
    clock[0] = 20.0
    assert _lines(steps)[0].endswith(" 0:20, 0:40 left, run 0:53 left")
    clock[0] = 100.0
    assert _lines(steps)[0].endswith(" 1:40, 0:00 left, run 0:13 left")


def test_what_is_done_is_no_longer_left(steps, clock):
    steps.node_finished("DistillationTrainer", NodeResult(seconds=1, cached=True))
    steps.node_started("Evaluator", 11, 13)
    assert _lines(steps)[0].endswith(" 0:00, 0:12 left, run 0:13 left")


def test_a_first_run_promises_nothing(clock):
    steps = RunDisplay(Console(file=io.StringIO(), force_terminal=True))
    steps.node_started("Teacher", 6, 13)
    clock[0] = 3700.0
    assert _lines(steps)[0].endswith(" 1:01:40")


def test_what_libraries_print_does_not_come_back_to_the_terminal(capfd):
    import sys

    before = sys.stdout, sys.stderr
    with RunDisplay(Console(file=io.StringIO(), force_terminal=True)):
        assert (sys.stdout, sys.stderr) == before


def test_numbers_of_steps_stand_in_a_column():
    console = Console(width=80, file=io.StringIO())
    steps = RunDisplay(console)
    steps.node_started("Teacher", 0, 12)
    steps.node_started("Pusher", 11, 12)
    assert console.file.getvalue() == "[ 1/12] Teacher ...\n[12/12] Pusher ...\n"


def test_a_frame_that_cannot_be_drawn_does_not_end_the_display(monkeypatch):
    """As while TensorFlow Datasets loads: it replaces Python's import."""

    def refused(*_, **__):
        raise ValueError("Relative import statements not supported (text).")

    shown = io.StringIO()
    with RunDisplay(Console(file=shown, force_terminal=True)) as display:
        display.doing("Preparing digits")
        with monkeypatch.context() as replaced:
            replaced.setattr(builtins, "__import__", refused)
            display._live.refresh()
        display.node_started("Teacher", 6, 13)
        display._live.refresh()
    assert "[ 7/13] Teacher" in shown.getvalue()

"""Signals become errors, or wait until what must stay whole is whole."""

import signal
import subprocess
import sys

import pytest

from tfx_distill.pipeline import interruption
from tfx_distill.trainer.errors import Interrupted

BOTH = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
TWICE = """
import signal
from tfx_distill.pipeline import interruption
with interruption.held_back():
    signal.raise_signal(signal.SIGTERM)
    print("first", flush=True)
    signal.raise_signal(signal.SIGTERM)
    print("second", flush=True)
"""


def _handlers():
    return signal.getsignal(signal.SIGINT), signal.getsignal(signal.SIGTERM)


@BOTH
def test_a_signal_becomes_an_error_that_says_what_was_done(number):
    before = _handlers()
    message = f"^Stopped by {number.name}. Nothing was pushed.$"
    with (
        pytest.raises(Interrupted, match=message),
        interruption.as_errors(lambda: "Nothing was pushed."),
    ):
        signal.raise_signal(number)
    assert _handlers() == before


@BOTH
def test_a_signal_that_is_held_back_is_told_afterwards(number):
    before = _handlers()
    with interruption.held_back() as arrived:
        signal.raise_signal(number)
    assert (arrived, _handlers()) == ([number], before)


def test_a_second_signal_ends_the_process():
    ended = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True
    )
    assert (ended.returncode, ended.stdout) == (-signal.SIGTERM, "first\n")

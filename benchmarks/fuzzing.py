"""What the fuzzers share: seeded cases, and what may come of one."""

from __future__ import annotations

import argparse
import collections
import json
import random
import signal
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import measurement

from tfx_distill.trainer.errors import DistillError

_LIMIT_S = 60  # of a loaded machine; a hang takes for ever
_SHOWN = 10
_LENGTH = 600
ACCEPTED, REFUSED = "accepted", "refused in one line"
RAW, UNREADABLE, HANG = "raw error", "unreadable message", "hang"
FAULTS = (RAW, UNREADABLE, HANG)


class _Hang(BaseException):
    """A case took longer than its limit."""


def run(cases: int, seed: int, attack: Callable[[random.Random], Any]) -> dict:
    """Runs an attack on `cases` seeded inputs.

    Args:
        cases: Number of inputs; the n-th is the same whatever their number.
        seed: Of all of them.
        attack: Makes an input from a generator and gives it to the product. What it
            returns, or its arguments after an error, are shown for a fault.

    Returns:
        Number of cases by outcome, the slowest in seconds, and the first faults.
    """
    outcomes: collections.Counter[str] = collections.Counter()
    faults, slowest = [], 0.0
    for number in range(cases):
        begin = time.monotonic()
        outcome, detail = _outcome(attack, random.Random(f"{seed}/{number}"))
        slowest = max(slowest, time.monotonic() - begin)
        outcomes[outcome] += 1
        if outcome in FAULTS and len(faults) < _SHOWN:
            faults.append({"case": number, "outcome": outcome, "detail": detail})
    return {
        "cases": cases,
        "seed": seed,
        "outcomes": dict(outcomes),
        "faults": sum(outcomes[name] for name in FAULTS),
        "slowest_s": round(slowest, 2),
        "first_faults": faults,
    }


def _outcome(
    attack: Callable[[random.Random], Any], rng: random.Random
) -> tuple[str, str]:
    try:
        with _limited():
            attack(rng)
    except DistillError as error:
        text = str(error)
        lines = text.split("\n")
        is_plain = all(
            0 < len(line) <= _LENGTH and line.isprintable() for line in lines
        )
        return (REFUSED, "") if is_plain else (UNREADABLE, repr(text)[:600])
    except _Hang:
        return HANG, traceback.format_exc()[-600:]
    except Exception:
        return RAW, traceback.format_exc()[-900:]
    return ACCEPTED, ""


@contextmanager
def _limited() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise _Hang

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(_LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def main(
    description: str | None,
    cases: int,
    attack: Callable[[random.Random], Any],
    packages: tuple[str, ...],
) -> None:
    """Runs a fuzzer as a program, and prints its result as JSON."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--cases", type=int, default=cases)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    result = run(args.cases, args.seed, attack)
    print(json.dumps({**result, **measurement.machine(*packages)}, indent=2))


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file's content after one to four accidents: cut, flipped, moved, filled."""
    data = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(data) + 1)
        length = min(len(data) - at, 1 << rng.randrange(10))
        match rng.randrange(6):
            case 0:
                del data[at:]
            case 1:
                del data[at : at + length]
            case 2:
                data[at : at + length] = rng.randbytes(length)
            case 3:
                data[at : at + length] = bytes(length)
            case 4:
                data[at:at] = data[at : at + length]
            case 5 if data:
                data[at % len(data)] ^= 1 << rng.randrange(8)
    return bytes(data)

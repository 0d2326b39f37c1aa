"""What became slower or larger between two versions, by more than noise?

    python benchmarks/bench_compare.py BEFORE.json AFTER.json

Compares what `bench.py --keep` wrote. A figure is slower if its median grew by more than
both measurements scatter together, and by more than 5 %. Seconds and bytes of different
machines are not compared, ratios are. Exits with 1 if anything became slower.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import statistics
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import Console
from rich.table import Table

SLOWER, FASTER, SAME, UNKNOWN = "SLOWER", "faster", "same", "other machine"
_LEAST_NOISE = 0.05
_NOISE_OF_ONE = 0.15  # of a figure that was measured once


class Change(NamedTuple):
    """A figure in both files.

    Attributes:
        name: Of benchmark and figure.
        unit: The figure's.
        before: Median.
        after: Median.
        noise: By how much their ratio may differ from 1.
        verdict: `SLOWER`, `FASTER`, `SAME` or `UNKNOWN`.
    """

    name: str
    unit: str
    before: float
    after: float
    noise: float
    verdict: str


def compare(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[Change]:
    """Yields the figures that both have."""
    for benchmark, result in after.items():
        earlier = before.get(benchmark, {"figures": [], "machine": ""})
        known = {one["name"]: one for one in earlier["figures"]}
        same_machine = earlier["machine"] == result["machine"]
        for one in result["figures"]:
            if one["name"] in known:
                comparable = same_machine or one["unit"] == "ratio"
                name = f"{benchmark}: {one['name']}"
                yield _change(name, known[one["name"]], one, comparable)


def _change(name: str, old: Any, new: Any, comparable: bool) -> Change:
    before, after = old["median"], new["median"]
    noise = max(_LEAST_NOISE, scatter(old["samples"]) + scatter(new["samples"]))
    verdict = SAME
    if not comparable:
        verdict = UNKNOWN
    elif after > before * (1 + noise):
        verdict = SLOWER
    elif after * (1 + noise) < before:
        verdict = FASTER
    return Change(name, new["unit"], before, after, noise, verdict)


def scatter(samples: Sequence[float]) -> float:
    """How far measurements lie from their median, as a share of it.

    The median of their distances, so that one disturbed measurement hides nothing.
    """
    if len(samples) < 2:
        return _NOISE_OF_ONE / 2
    middle = statistics.median(samples)
    distance = statistics.median(abs(sample - middle) for sample in samples)
    return distance / middle if middle else 0.0


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=pathlib.Path)
    parser.add_argument("after", type=pathlib.Path)
    args = parser.parse_args(arguments)
    files = (json.loads(path.read_text()) for path in (args.before, args.after))
    changes = list(compare(*files))
    table = Table("Figure", "Before", "After", "Ratio", "Noise", "")
    for one in changes:
        ratio = f"{one.after / one.before:.2f}" if one.before else ""
        numbers = (f"{one.before:g}", f"{one.after:g}", ratio, f"± {one.noise:.0%}")
        table.add_row(one.name, *numbers, one.verdict)
    Console().print(table)
    if slower := [one.name for one in changes if one.verdict == SLOWER]:
        raise SystemExit(f"Slower or larger: {'; '.join(slower)}.")


if __name__ == "__main__":
    main()

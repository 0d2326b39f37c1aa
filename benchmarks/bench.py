"""Runs the benchmarks of speed and size, and prints their figures as tables.

    python benchmarks/bench.py --keep benchmarks/kept/0.1.0.json
    python benchmarks/bench.py serving_speed inspection

Each benchmark is a process of its own. `--keep` writes what they printed to a file,
which `bench_compare.py` compares with that of another version.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from rich.console import Console
from rich.table import Table

_FOLDER = pathlib.Path(__file__).parent
# The quick ones first.
BENCHMARKS = (
    "serving_speed",
    "inspection",
    "report_page",
    "student_training",
    "data_size",
    "tuning",
    "whole_run",
)


def measure(name: str, options: Iterable[str]) -> dict[str, Any] | None:
    """What a benchmark printed; None if it failed."""
    command = [sys.executable, str(_FOLDER / f"{name}.py"), *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=False)
    return json.loads(done.stdout) if done.returncode == 0 else None


def table(name: str, result: Mapping[str, Any]) -> Table:
    """The figures of one benchmark."""
    found = Table(title=name, title_justify="left", caption=_where(result))
    found.add_column("Figure")
    for header in ("Median", "Lowest", "Highest", "Goal", ""):
        found.add_column(header, justify="right")
    for one in result["figures"]:
        unit = "" if one["unit"] == "ratio" else f" {one['unit']}"
        goal, samples = one["at_most"], one["samples"]
        found.add_row(
            one["name"],
            *(f"{v:g}{unit}" for v in (one["median"], min(samples), max(samples))),
            "" if goal is None else f"≤ {goal:g}{unit}",
            "" if goal is None else "holds" if one["median"] <= goal else "MISSED",
        )
    return found


def _where(result: Mapping[str, Any]) -> str:
    versions = ", ".join(f"{name} {v}" for name, v in result["versions"].items())
    return f"{result['machine']}, load {result['load']}; {versions}"


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "benchmarks", nargs="*", metavar="NAME", help=", ".join(BENCHMARKS)
    )
    parser.add_argument("--keep", type=pathlib.Path, help="file for what they printed")
    parser.add_argument("--smoke", action="store_true", help="as small as they can be")
    args = parser.parse_args(arguments)
    options = ["--smoke"] if args.smoke else []
    results, console = {}, Console()
    names = args.benchmarks or BENCHMARKS
    for name in names:
        result = measure(name, options)
        if result is None:
            continue
        results[name] = result
        console.print(table(name, result))
        if args.keep is not None:  # what was measured is kept, whatever follows
            args.keep.write_text(json.dumps(results, indent=2) + "\n")
    if failed := [name for name in names if name not in results]:
        raise SystemExit(f"Failed: {', '.join(failed)}.")


if __name__ == "__main__":
    main()

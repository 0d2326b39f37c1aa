"""Would the tests notice a mistake in the code?

Changes one thing in a module, such as `<` to `<=`, and runs the tests that guard the
module: a mutant that no test notices has survived. `mutants.py` makes the mutants,
`mutation_targets.py` lists the modules with their tests, and the mutants that no test can
notice, with the reason. Works in a copy of the package. Prints a table and JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import importlib
import importlib.util
import json
import os
import pathlib
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from typing import Any

import measurement
import mutants
from mutation_targets import EQUIVALENT, TESTS
from rich.console import Console
from rich.table import Table

ROOT = pathlib.Path(__file__).resolve().parents[1]
PER_MODULE = 9
# Loaded once, before the processes fork; nothing of ours, and no operation is run.
_PRELOADED = (
    "pytest",
    "scipy.optimize",
    "scipy.stats",
    "sklearn.datasets",
    "keras",
    "tensorflow_datasets",
    "tensorflow_model_analysis",
    "tfx.components",
    "tfx.types",
)
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "runs")
# What takes so much more of the processor than the unchanged module loops for ever.
_TIMES, _GRACE_S = 4, 20
_LONGEST_S = 600  # of whatever waits and does nothing
KILLED, SURVIVED, EQUAL = "killed", "survived", "equivalent"
_PASSED = 0  # pytest's exit status


def run(
    targets: Mapping[str, Sequence[str]],
    number: int = PER_MODULE,
    seed: int = 0,
    root: pathlib.Path = ROOT,
    equivalent: Mapping[str, Mapping[str, str]] = EQUIVALENT,
    killed: Mapping[str, Sequence[str]] | None = None,
) -> list[dict[str, Any]]:
    """Tests mutants of several modules.

    Args:
        targets: Test files or their folders, by module; paths in `root`.
        number: Of mutants of each module, at most.
        seed: Chooses them.
        root: The folder that holds code, tests and `pyproject.toml`.
        equivalent: Why a mutant changes nothing, by module and key. It is not run.
        killed: Keys by module of an earlier run, which are not run again: tests have
            only been added since.

    Returns:
        For each module the keys of its mutants by outcome, those of survivors after
        their place, and the seconds.

    Raises:
        SystemExit: If tests fail without a mutant.
    """
    results = []
    with tempfile.TemporaryDirectory(prefix="mutation-") as folder:
        copy = pathlib.Path(folder) / "tree"
        shutil.copytree(root, copy, ignore=_NOT_COPIED, symlinks=True)
        for module, tests in targets.items():
            chosen = mutants.sample((root / module).read_text(), number, seed)
            known = dict.fromkeys((killed or {}).get(module, ()), KILLED)
            known |= dict.fromkeys(equivalent.get(module, ()), EQUAL)
            results.append(_module(copy, module, tests, chosen, known))
    return results


def _module(
    copy: pathlib.Path,
    module: str,
    tests: Sequence[str],
    chosen: Sequence[mutants.Mutant],
    known: Mapping[str, str],
) -> dict[str, Any]:
    path, begin = copy / module, time.monotonic()
    original, limit_s = path.read_text(), 0.0
    if {mutant.key for mutant in chosen} - set(known):
        limit_s = _TIMES * _unchanged(copy, module, tests) + _GRACE_S
    found: dict[str, list[str]] = {KILLED: [], SURVIVED: [], EQUAL: []}
    for mutant in chosen:
        outcome, name = known.get(mutant.key, ""), mutant.key
        if not outcome:
            path.write_text(mutant.source)
            status, _ = _tested(copy, tests, limit_s)
            outcome = SURVIVED if status == _PASSED else KILLED
        if outcome == SURVIVED:
            name = f"{module}:{mutant.line}: {mutant.key}"
            _say(f"SURVIVED {name}")
        found[outcome].append(name)
    path.write_text(original)
    seconds = round(time.monotonic() - begin)
    _say(f"{module}: {len(found[KILLED])} killed, {seconds} s")
    return {"module": module, **found, "seconds": seconds}


def _unchanged(copy: pathlib.Path, module: str, tests: Sequence[str]) -> float:
    """Processor seconds of the tests without a mutant, which must pass."""
    status, used_s = _tested(copy, tests, None)
    if status != _PASSED:
        output = (copy.parent / "output").read_text()
        raise SystemExit(f"{output}\n{module}: its tests fail without a mutant")
    # Told apart by seconds and size only, a mutant could be taken for another.
    compiled = importlib.util.cache_from_source(str(copy / module))
    pathlib.Path(compiled).unlink(missing_ok=True)
    return used_s


def _tested(
    copy: pathlib.Path, tests: Sequence[str], limit_s: float | None
) -> tuple[int, float]:
    """Runs tests in a process of its own.

    Args:
        copy: The copy of the package.
        tests: Paths in it.
        limit_s: Processor seconds; None for the unchanged module.

    Returns:
        pytest's exit status, or < 0 if the process was ended; its processor seconds.
    """
    pid = os.fork()
    if not pid:
        _test(copy, tests, limit_s)
    deadline = time.monotonic() + _LONGEST_S
    ended = 0
    while not ended and time.monotonic() < deadline:
        time.sleep(0.05)
        ended, status, usage = os.wait4(pid, os.WNOHANG)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)  # and what the tests have started
    if not ended:
        _, status, usage = os.wait4(pid, 0)
    return os.waitstatus_to_exitcode(status), usage.ru_utime + usage.ru_stime


def _test(copy: pathlib.Path, tests: Sequence[str], limit_s: float | None) -> None:
    """Runs tests in the copy, and ends this process."""
    import pytest

    status = 1
    try:
        os.setsid()
        output = os.open(copy.parent / "output", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.chdir(copy)
        os.environ.update(PYTHONPATH=str(copy), PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
        if limit_s:
            os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
            sys.dont_write_bytecode = True
            resource.setrlimit(resource.RLIMIT_CPU, (int(limit_s), int(limit_s)))
        sys.path[:0] = [str(copy)]
        options = ["-x", "-q", "-p", "no:cacheprovider"]
        options += ["--basetemp", str(copy.parent / "temporary")]
        status = pytest.main([*options, *tests])
    finally:
        sys.stdout.flush()
        os._exit(int(status))


def score(results: Sequence[Mapping[str, Any]]) -> float:
    """The share of killed mutants, of those that a test can notice."""
    killed = sum(len(result[KILLED]) for result in results)
    return killed / max(1, killed + sum(len(result[SURVIVED]) for result in results))


def stale(
    root: pathlib.Path = ROOT, known: Mapping[str, Mapping[str, str]] = EQUIVALENT
) -> list[str]:
    """Mutants listed as equivalent that no longer exist."""
    return [
        f"{module}: {key}"
        for module, keys in known.items()
        for key in set(keys)
        - {m.key for m in mutants.all_of((root / module).read_text())}
    ]


def table(results: Sequence[Mapping[str, Any]]) -> Table:
    found = Table("module", title="Mutants")
    for name in (KILLED, SURVIVED, EQUAL, "seconds"):
        found.add_column(name, justify="right")
    for result in results:
        numbers = [str(len(result[name])) for name in (KILLED, SURVIVED, EQUAL)]
        found.add_row(result["module"], *numbers, str(result["seconds"]))
    return found


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="default: all")
    parser.add_argument("--per-module", type=int, default=PER_MODULE, metavar="N")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--again", metavar="FILE", help="JSON of an earlier run, whose kills stand"
    )
    args = parser.parse_args(arguments)
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.freeze()  # else each process copies all that they loaded
    before = json.loads(pathlib.Path(args.again).read_text()) if args.again else {}
    killed = {one["module"]: one[KILLED] for one in before.get("modules", [])}
    targets = {name: TESTS[name] for name in args.modules or TESTS}
    results = run(targets, args.per_module, args.seed, killed=killed)
    Console(stderr=True).print(table(results))
    for text in stale():
        _say(f"Listed as equivalent, and no longer there: {text}")
    found = {"score": round(score(results), 4), "modules": results}
    print(
        json.dumps({**found, **measurement.machine("pytest", "tensorflow")}, indent=2)
    )


if __name__ == "__main__":
    main()

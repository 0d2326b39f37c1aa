"""The benchmarks of speed and size run, and their figures become tables."""

import json
import runpy

import bench
import pytest
from measurement import figure, in_turn, ratios


def test_every_benchmark_is_a_script():
    for name in bench.BENCHMARKS:
        script = runpy.run_path(str(bench._FOLDER / f"{name}.py"))
        assert script["__doc__"].split("\n")[0].endswith("?")


def test_works_are_done_in_turn_and_the_first_round_does_not_count():
    done, ticks = [], iter(range(100))
    works = {name: lambda name=name: done.append(name) for name in "ab"}
    seconds = in_turn(works, 2, clock=lambda: next(ticks))
    assert "".join(done) == "ababab"
    assert seconds == {"a": [1, 1], "b": [1, 1]}


def test_a_table_says_which_goals_hold(capsys):
    figures = [figure("good", ratios([1, 2, 3], [4, 4, 4]), at_most=0.5)]
    figures += [figure("bad", [3.0], "s", at_most=1), figure("free", [7.0], "MiB")]
    result = {"figures": figures, "machine": "m", "load": 0, "versions": {"keras": "3"}}
    bench.Console(width=100).print(bench.table("size", result))
    lines = capsys.readouterr().out.split("\n")
    good, bad, free = (
        next(s for s in lines if n in s) for n in ("good", "bad", "free")
    )
    assert "0.25" in good and "0.75" in good and "≤ 0.5" in good and "holds" in good
    assert "3 s" in bad and "≤ 1 s" in bad and "MISSED" in bad
    assert "7 MiB" in free and "≤" not in free


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("serving_speed", "teacher, 1 image"),
        ("inspection", "distill --version"),
        ("report_page", "distill report"),
    ],
)
def test_a_benchmark_runs_and_its_figures_are_kept(tmp_path, name, first):
    kept = tmp_path / "kept.json"
    bench.main(["--smoke", "--keep", str(kept), name])
    figures = json.loads(kept.read_text())[name]["figures"]
    assert figures[0]["name"] == first
    assert all(one["median"] > 0 for one in figures)

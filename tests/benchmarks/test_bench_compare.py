"""What became slower by more than noise is told, and nothing else."""

import json

import bench_compare
import pytest
from measurement import figure


def measured(*figures, machine="one"):
    return {"serving": {"machine": machine, "figures": list(figures)}}


def verdict(before, after, unit="ratio", machine="one"):
    old = measured(figure("f", before, unit))
    new = measured(figure("f", after, unit), machine=machine)
    (change,) = bench_compare.compare(old, new)
    return change.verdict


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([1.0, 1.01, 0.99], [1.2, 1.21, 1.19], bench_compare.SLOWER),
        ([1.2, 1.21, 1.19], [1.0, 1.01, 0.99], bench_compare.FASTER),
        ([1.0, 1.01, 0.99], [1.04, 1.05, 1.03], bench_compare.SAME),
        # The same growth, where measurements scatter more.
        ([1.0, 1.2, 0.8], [1.2, 1.4, 1.0], bench_compare.SAME),
        # A single measurement that was disturbed hides nothing.
        ([1.0, 1.01, 9.0], [1.2, 1.21, 1.19], bench_compare.SLOWER),
        ([1.0], [1.1], bench_compare.SAME),
        ([1.0], [1.2], bench_compare.SLOWER),
    ],
)
def test_a_figure_is_slower_if_it_grew_by_more_than_noise(before, after, expected):
    assert verdict(before, after) == expected


def test_seconds_of_another_machine_are_not_compared():
    assert verdict([1.0], [9.0], "s", "two") == bench_compare.UNKNOWN
    assert verdict([1.0], [9.0], "s") == bench_compare.SLOWER
    assert verdict([1.0], [9.0], "ratio", "two") == bench_compare.SLOWER


def test_new_figures_and_benchmarks_have_nothing_to_be_compared_with():
    new = {**measured(figure("g", [1.0])), "other": measured()["serving"]}
    assert list(bench_compare.compare(measured(figure("f", [1.0])), new)) == []


def test_the_command_names_what_became_slower(tmp_path, capsys):
    paths = [tmp_path / name for name in ("old.json", "new.json")]
    for path, samples in zip(paths, ([1.0, 1.0], [2.0, 2.0]), strict=True):
        same = figure("same", [1.0, 1.0])
        path.write_text(json.dumps(measured(figure("slow", samples), same)))
    with pytest.raises(SystemExit, match="Slower or larger: serving: slow.$"):
        bench_compare.main([str(path) for path in paths])
    assert "2.00" in capsys.readouterr().out
    bench_compare.main([str(paths[0])] * 2)

"""The paired bound: hand-worked values, limits, and how often weak students pass."""

import json
import math
import pathlib
import runpy

import numpy as np
import pytest
from scipy import optimize, stats

from tfx_distill.trainer.evaluation import noninferiority

DRAWS = 2000
# What 2,000 draws of a true 5 % stay below, but once in a thousand.
MOST_PASSES = stats.binom.ppf(0.999, DRAWS, 0.05)


def _bounds(counts, size):
    """Lower bounds of many draws; equal draws are computed once."""
    known = {
        tuple(pair): noninferiority.lower_bound(*map(int, pair), size)
        for pair in np.unique(counts, axis=0)
    }
    return np.array([known[tuple(pair)] for pair in counts])


def _draw(size, only_teacher, only_student, seed=0):
    shares = [only_student, only_teacher, 1 - only_student - only_teacher]
    return np.random.default_rng(seed).multinomial(size, shares, DRAWS)[:, :2]


def test_without_the_correction_it_is_tangos_interval(monkeypatch):
    # Airway reactivity of 21 children before and after a transplantation, 1 and 7
    # discordant: -0.517 to -0.026 (Fagerland et al. 2014, doi:10.1002/sim.6148).
    monkeypatch.setattr(noninferiority, "_CORRECTION", 0.0)
    monkeypatch.setattr(noninferiority, "QUANTILE", stats.norm.ppf(0.975))
    low, high = (
        noninferiority.lower_bound(1, 7, 21),
        -noninferiority.lower_bound(7, 1, 21),
    )
    assert (low, high) == pytest.approx((-0.517, -0.026), abs=5e-4)


def test_the_likeliest_shares_are_those_that_a_search_finds(monkeypatch):
    monkeypatch.setattr(noninferiority, "_CORRECTION", 0.0)
    gains, losses, size, difference = 12, 2, 50, -0.1

    def surprise(share):
        rest = (size - gains - losses) * math.log(1 - 2 * share - difference)
        return -(gains * math.log(share + difference) + losses * math.log(share) + rest)

    share = optimize.minimize_scalar(surprise, bounds=(0.1001, 0.5499)).x
    error = math.sqrt(size * (2 * share + difference * (1 - difference)))
    score = (gains - losses - size * difference) / error
    found = noninferiority.score(gains, losses, size, difference)
    assert found == pytest.approx(score, rel=1e-4)


def test_the_score_by_hand_where_the_likeliest_share_is_plain():
    # No discordant image, margin 1/4, 60 images: the likeliest shares are 0 and 1/4.
    # (60/4 - 1/2) / sqrt(60 * 1/4 * 3/4) = 14.5 / 3.3541.
    assert noninferiority.score(0, 0, 60, -0.25) == pytest.approx(4.32307, rel=1e-5)


def test_at_no_difference_it_is_mcnemars_statistic_with_the_correction():
    # (39 - 21 - 1/2) / sqrt(60).
    assert noninferiority.score(39, 21, 10_000, 0.0) == pytest.approx(2.259240, 1e-5)


def test_at_the_bound_the_score_is_the_quantile():
    low = noninferiority.lower_bound(15, 49, 10_000)
    assert noninferiority.score(15, 49, 10_000, low) == pytest.approx(
        1.644854, abs=1e-6
    )


@pytest.mark.parametrize("size", [360, 10_000])
def test_large_counts_come_near_walds_bound(size):
    gains, losses = size // 10, size // 8
    difference = (gains - losses) / size
    error = math.sqrt((gains + losses) / size - difference**2) / math.sqrt(size)
    wald = difference - 1.644854 * error
    low = noninferiority.lower_bound(gains, losses, size)
    assert low == pytest.approx(wald, abs=1.5 / size)


def test_the_bound_lies_below_the_difference_and_grows_with_evidence():
    lows = [noninferiority.lower_bound(k, 3 * k, 400 * k) for k in (1, 4, 16, 64)]
    assert lows == sorted(lows)
    assert all(-1 <= low < -0.005 for low in lows)


@pytest.mark.parametrize("counts", [(0, 10, 10), (0, 0, 1), (10, 0, 10), (1, 1, 2)])
def test_extreme_counts_have_a_bound(counts):
    assert -1 <= noninferiority.lower_bound(*counts) < 1


def test_no_image_proves_nothing():
    assert math.isnan(noninferiority.lower_bound(0, 0, 0))


@pytest.mark.parametrize("counts", [(-1, 0, 10), (0, -1, 10), (6, 5, 10)])
def test_counts_that_cannot_be_are_refused(counts):
    with pytest.raises(ValueError, match="discordant images of 10"):
        noninferiority.lower_bound(*counts)


@pytest.mark.parametrize("margin", [0.003, 0.005, 0.05, 0.25, 0.9])
def test_the_images_needed_are_the_fewest_that_resolve_a_margin(margin):
    needed = noninferiority.images_needed(margin)
    assert noninferiority.lower_bound(0, 0, needed) >= -margin
    assert needed == 1 or noninferiority.lower_bound(0, 0, needed - 1) < -margin


WEAK = [
    # size, margin, share of images that only the student answers rightly
    (36, 0.3, 0.0),
    (36, 0.3, 0.05),
    (100, 0.1, 0.0),
    (360, 0.02, 0.0),
    (360, 0.05, 0.0),
    (360, 0.05, 0.05),
    (1000, 0.03, 0.0),
    (1000, 0.03, 0.03),
    (10_000, 0.005, 0.0),
    (10_000, 0.005, 0.005),
    (10_000, 0.005, 0.05),
    (10_000, 0.001, 0.001),
]


@pytest.mark.parametrize(("size", "margin", "gains"), WEAK)
def test_a_student_as_weak_as_the_margin_passes_at_most_once_in_twenty(
    size, margin, gains
):
    draws = _draw(size, gains + margin, gains, seed=size)
    passes = np.sum(_bounds(draws, size) >= -margin)
    assert passes <= MOST_PASSES


def test_the_simulation_would_find_a_bound_that_is_too_kind():
    # Of the point estimate, half of such students pass.
    draws = _draw(10_000, 0.01, 0.005)
    assert np.sum((draws[:, 0] - draws[:, 1]) / 10_000 >= -0.005) > MOST_PASSES


@pytest.mark.parametrize(
    ("size", "margin", "discordant", "least"),
    [(360, 0.05, 0.03, 0.98), (10_000, 0.005, 0.005, 0.99), (1000, 0.03, 0.015, 0.99)],
)
def test_an_equal_student_passes_nearly_always(size, margin, discordant, least):
    draws = _draw(size, discordant / 2, discordant / 2)
    assert np.mean(_bounds(draws, size) >= -margin) >= least


def test_the_benchmark_finds_no_weak_student_that_passes_too_often(capsys):
    root = pathlib.Path(__file__).resolve().parents[3]
    script = runpy.run_path(str(root / "benchmarks" / "noninferiority.py"))
    script["main"](["--smoke"])
    weak = json.loads(capsys.readouterr().out)["weak"]
    assert weak["Tango, half an image of correction"]["worst"] <= 0.05
    assert weak["Tango"]["worst"] > 0.06


def test_the_benchmark_decides_as_the_bound_does():
    root = pathlib.Path(__file__).resolve().parents[3]
    script = runpy.run_path(str(root / "benchmarks" / "noninferiority.py"))
    passes = script["tango"](0.5)
    for counts in ((0, 3, 360), (4, 11, 1009), (15, 49, 10_000), (0, 0, 34)):
        low = noninferiority.lower_bound(*counts)
        assert passes(*counts, -low + 1e-6)
        assert not passes(*counts, -low - 1e-6)

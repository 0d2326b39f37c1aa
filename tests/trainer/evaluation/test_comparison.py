"""Paired comparisons against numbers worked out by hand."""

import numpy as np
import pytest
from scipy import stats

from tfx_distill.trainer.evaluation import comparison


def _answers(both, only_first, only_second, neither):
    """Right or wrong for two models, with the given numbers of images."""
    first = [True] * both + [True] * only_first + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second
    return np.array(first), np.array(second + [False] * neither)


def test_mcnemars_p_is_the_binomial_one_by_hand():
    # 5 discordant images, all for the first: 2 * (1/2)^5 = 1/16.
    assert comparison.paired(*_answers(90, 5, 0, 5)).p_value == pytest.approx(1 / 16)


def test_thirty_nine_against_twenty_one_is_just_significant():
    result = comparison.paired(*_answers(9900, 39, 21, 40))
    assert result.difference == pytest.approx(0.0018)
    assert result.p_value == pytest.approx(0.0273, abs=1e-3)
    assert 0 < result.low < result.difference < result.high


def test_without_a_discordant_image_nothing_differs():
    result = comparison.paired(*_answers(95, 0, 0, 5))
    assert (result.difference, result.p_value) == (0.0, 1.0)
    assert result.low < 0 < result.high


def test_the_interval_covers_the_truth_as_often_as_it_says():
    # 4,000 draws at 3 % and 2 % discordant: truth 0.01; sd of the share is 0.34 %.
    rng = np.random.default_rng(1)
    covered = 0
    for gains, losses in rng.multinomial(1000, [0.03, 0.02, 0.95], 4000)[:, :2]:
        result = comparison.paired(*_answers(900, gains, losses, 100 - gains - losses))
        covered += result.low <= 0.01 <= result.high
    assert abs(covered / 4000 - 0.95) < 0.012


def test_several_seeds_count_each_image_once():
    first, second = _answers(90, 6, 2, 2)
    one = comparison.compare([first], [second])
    three = comparison.compare([first] * 3, [second] * 3)
    assert three.difference == pytest.approx(one.difference)
    # The same answers three times are no more evidence than once.
    assert three.high - three.low == pytest.approx(one.high - one.low, rel=0.15)


def test_several_seeds_use_the_paired_z_test():
    first, second = _answers(90, 6, 2, 2)
    result = comparison.compare([first, first], [second, second])
    z = result.difference / (np.std(first.astype(int) - second, ddof=1) / 10)
    assert result.p_value == pytest.approx(2 * stats.norm.sf(z))


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((9000, 300, 100, 600), "Distillation helped: +2.00 points"),
        ((9000, 100, 300, 600), "Distillation did harm: -2.00 points"),
        ((9000, 101, 100, 799), "Distillation did not help measurably: +0.01 points"),
    ],
)
def test_the_conclusion_says_it_plainly(counts, words):
    first, second = _answers(*counts)
    assert comparison.compare([first], [second]).conclusion.startswith(words)

"""Paired comparisons against numbers worked out by hand."""

import dataclasses

import numpy as np
import pytest
from scipy import stats

from tfx_distill.trainer.evaluation import comparison, paired_interval


def _answers(both, only_first, only_second, neither):
    """Right or wrong for two models, with the given numbers of images."""
    first = [True] * both + [True] * only_first + [False] * (only_second + neither)
    second = [True] * both + [False] * only_first + [True] * only_second
    return np.array(first), np.array(second + [False] * neither)


def test_an_interval_of_one_pair_is_bonett_and_prices():
    # 7 of 102 gained, 1 lost, the two added images included: 6/102 = 0.0588.
    result = comparison.paired(*_answers(90, 6, 0, 4))
    student_t = stats.t.ppf(0.975, 101)
    reach = student_t * np.sqrt((8 / 102 - (6 / 102) ** 2) / 102)
    assert result.low == pytest.approx(6 / 102 - reach, abs=1e-9)
    assert result.high == pytest.approx(6 / 102 + reach, abs=1e-9)


def test_thirty_nine_against_twenty_one_is_just_significant():
    result = comparison.paired(*_answers(9900, 39, 21, 40))
    assert result.difference == pytest.approx(0.0018)
    assert result.p_value == pytest.approx(0.0222, abs=1e-4)
    assert result.in_points("images") == (
        "+0.18 points of accuracy (95 % interval over images +0.03 to +0.33, p = 0.022)"
    )
    assert 0 < result.low < result.difference < result.high


def test_only_a_smaller_p_value_is_told_as_a_bound():
    found = paired_interval.Estimate(difference=0.5, low=0.25, high=0.75, p_value=0.001)
    assert found.in_points("images").endswith("+25.00 to +75.00, p = 0.001)")
    less = dataclasses.replace(found, p_value=0.0001)
    assert less.in_points("images").endswith("p < 0.001)")


@pytest.mark.parametrize(
    ("low", "high", "word"),
    [
        (0.01, 0.02, "better"),
        (0.0, 0.02, "unclear"),
        (-0.02, 0.0, "unclear"),
        (-0.02, -0.01, "worse"),
    ],
)
def test_only_an_interval_without_zero_is_a_difference(low, high, word):
    found = paired_interval.Estimate(difference=0.0, low=low, high=high, p_value=0.05)
    assert found.verdict("better", "worse", "unclear") == word


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


def test_variances_of_images_and_seeds_by_hand():
    # Accuracies 3/4, 1/4 and 1/2, 1/2; each image is right once, on average.
    first = np.array([[1, 1, 1, 0], [0, 0, 0, 1]], bool)
    second = np.array([[1, 1, 0, 0], [0, 0, 1, 1]], bool)
    found = paired_interval.variances(first, second)
    assert (found.centre, found.seed_freedom, found.num_images) == (0, 2, 6)
    assert found.images == pytest.approx(2 / 6 / 6)  # of the two added images
    assert found.seeds == pytest.approx(0.125 / 2)
    # Residuals: 8 times 1/4 or 3/4 of the first, 8 times 1/2 of the second.
    assert found.interaction == pytest.approx((1.5 + 2) / 3 / 8)


def test_the_interval_of_several_seeds_takes_both_variances():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 3, 2000)) < 0.9
    first[0] |= rng.random(2000) < 0.5  # one lucky seed
    found = paired_interval.variances(first, second)
    result = paired_interval.estimate(first, second)
    variance = found.images + found.seeds - found.interaction
    # Its seed decides: Student's t with little more than 4 degrees of freedom.
    assert (result.high - found.centre) / np.sqrt(variance) == pytest.approx(
        2.7, abs=0.1
    )


def test_seeds_that_differ_no_more_than_images_cost_little():
    rng = np.random.default_rng(0)
    first, second = rng.random((2, 9, 5000)) < 0.9
    found = paired_interval.variances(first, second)
    result = paired_interval.estimate(first, second)
    reach = (result.high - found.centre) / np.sqrt(found.images)
    assert 1.96 <= reach < 2.4


@pytest.mark.parametrize("gain", [0, 0.003, 0.006, 0.02])
def test_p_is_below_five_percent_exactly_if_the_interval_excludes_zero(gain):
    rng = np.random.default_rng(3)
    students, controls = rng.random((2, 3, 3000)) < 0.9
    students |= rng.random((3, 3000)) < 10 * gain
    result = comparison.compare(students, controls)
    assert (result.p_value < 0.05) == (result.low > 0 or result.high < 0)


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((9000, 300, 100, 600), "This student is better than this control"),
        ((9000, 100, 300, 600), "This student is worse than this control"),
        ((9000, 101, 100, 799), "This student is not measurably better or worse than"),
        ((9000, 100, 115, 785), "This student is not measurably better or worse than"),
    ],
)
def test_one_pair_says_nothing_of_the_recipe(counts, words):
    first, second = _answers(*counts)
    found = comparison.compare([first], [second])
    assert found.conclusion.startswith(words)
    assert "one pair cannot tell" in found.conclusion
    assert found.interval_over == "images"


def test_images_that_only_one_model_classified_correctly_are_counted():
    found = comparison.paired(*_answers(70, 20, 6, 4))
    assert (found.only_first, found.only_second) == (20, 6)
    assert (found.accuracy, found.reference_accuracy) == (0.9, 0.76)


def test_a_comparison_is_read_as_it_was_saved(tmp_path):
    found = comparison.compare([np.arange(9) < 8], [np.arange(9) < 5])
    found.save(str(tmp_path))
    assert comparison.Comparison.load(str(tmp_path)) == found


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        (
            (9000, 300, 100, 600),
            "Distillation helped against labels alone: +2.00 points",
        ),
        (
            (9000, 100, 300, 600),
            "Distillation did harm against labels alone: -2.00 poi",
        ),
        ((9000, 101, 100, 799), "Distillation made no measurable difference against"),
        # Worse by 15 of 10,000, which may be chance: no harm is known of.
        ((9000, 100, 115, 785), "Distillation made no measurable difference against"),
    ],
)
def test_several_seeds_tell_whether_distillation_helped(counts, words):
    first, second = _answers(*counts)
    conclusion = comparison.compare([first] * 3, [second] * 3).conclusion
    assert conclusion.startswith(words)
    assert "interval over images and seeds" in conclusion

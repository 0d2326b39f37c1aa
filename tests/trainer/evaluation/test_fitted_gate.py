"""What `auto` stands for: enough power, the claimed errors, and words that are true."""

import pathlib
import runpy

import pytest

from tfx_distill.trainer.config.gate_config import GateConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.evaluation import fitted_gate

BENCHMARKS = pathlib.Path(__file__).parents[3] / "benchmarks"
TEN = {f"class {n}": 300 for n in range(10)}


@pytest.fixture(scope="module")
def share_passed():
    """Exact probability of a blessing, by the benchmark's arrays of counts."""
    exact = runpy.run_path(str(BENCHMARKS / "noninferiority.py"))
    method, share = exact["tango"](0.5), exact["share_passed"]
    return lambda *arguments: share(method, *arguments)


@pytest.mark.parametrize(
    ("size", "classes"),
    [
        (22, 1),
        (128, 1),
        (360, 1),
        (3000, 1),
        (60, 10),
        (300, 10),
        (100, 100),
        (64, 1000),
    ],
)
def test_an_equally_good_student_passes_nine_times_in_ten(share_passed, size, classes):
    margin = fitted_gate.margin(size, classes)
    assert margin <= fitted_gate.WIDEST
    for discordant in (0.02, 0.1, 0.3, fitted_gate.DISCORDANT):
        alone = share_passed(size, margin, discordant / 2, discordant / 2)
        assert alone**classes >= fitted_gate.POWER
    half = fitted_gate.DISCORDANT / 2
    assert share_passed(size, 0.92 * margin, half, half) ** classes < fitted_gate.POWER


@pytest.mark.parametrize("size", [21, 128, 3000])
def test_a_student_worse_by_the_margin_passes_once_in_twenty(share_passed, size):
    margin = fitted_gate.margin(size)
    for gain in (0.0, 0.05, 0.2):
        assert share_passed(size, margin, gain, gain + margin) <= 0.05


def test_auto_becomes_numbers_and_says_what_they_mean():
    found = fitted_gate.fit(GateConfig.build("auto"), TEN)
    gate = found.gate
    assert (gate.margin, gate.class_margin, gate.min_accuracy) == (0.039, 0.168, 0.11)
    assert found.lines[0] == "The gate, fitted to 3,000 test images (auto):"
    assert "a student truly 3.9 points worse passes at most once" in found.lines[1]
    assert "16.8 points worse in one of 10 classes" in found.lines[2]


def test_a_number_stays_and_is_not_told():
    given = GateConfig(margin=0.02, class_margin=0.1, min_accuracy=0.5)
    found = fitted_gate.fit(given, TEN)
    assert (found.gate.margin, found.gate.class_margin) == (0.02, 0.1)
    assert (found.gate.min_accuracy, found.lines) == (0.5, ())
    assert not found.gate.skips_small_classes  # a bound that is given holds for all


def test_classes_with_too_few_images_have_no_bound_and_are_told():
    found = fitted_gate.fit(GateConfig(), {"a": 400, "b": 200, "c": 5, "d": 0})
    assert (found.gate.min_class_size, found.gate.skips_small_classes) == (200, True)
    assert found.gate.class_margin == fitted_gate.margin(200, 2)
    assert "2 of 4 classes have too few images" in found.lines[-1]


def test_where_no_class_has_enough_only_all_images_have_a_bound():
    found = fitted_gate.fit(GateConfig(), {str(n): 3 for n in range(50)})
    assert found.gate.class_margin is None and found.gate.min_class_size == 4
    assert not any("class_margin" in line for line in found.lines)


def test_a_smallest_class_that_is_given_is_kept():
    gate = fitted_gate.fit(GateConfig(min_class_size=250), {**TEN, "few": 249}).gate
    assert (gate.min_class_size, gate.skips_small_classes) == (250, False)
    assert gate.class_margin == fitted_gate.margin(300, 10)


def test_too_few_images_are_refused_with_the_number_it_takes():
    with pytest.raises(ConfigError, match="split has 12 images: too few .* needs 22;"):
        fitted_gate.fit(GateConfig(), {"a": 6, "b": 6})


def test_an_empty_split_is_left_to_others():
    fitted_gate.require_enough(0)


def test_accuracy_must_exceed_that_of_the_most_frequent_class():
    # 0.9 + 1.645 * sqrt(0.9 * 0.1 / 1000) = 0.9156.
    gate = fitted_gate.fit(GateConfig(), {"common": 900, "rare": 100}).gate
    assert gate.min_accuracy == 0.916

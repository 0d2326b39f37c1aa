"""Seeded wrong input in bulk: the product accepts it, or refuses it in one line."""

import fuzz_configurations
import fuzz_images
import fuzz_stores
import fuzzing
import pytest

from tfx_distill.trainer.errors import DistillError

pytestmark = pytest.mark.attack


def _require_no_fault(attack, cases):
    result = fuzzing.run(cases, 0, attack)
    assert result["faults"] == 0, result["first_faults"]


def test_configurations():
    _require_no_fault(fuzz_configurations.attack, 300)


@pytest.mark.slow
def test_20_000_configurations():
    _require_no_fault(fuzz_configurations.attack, 20_000)


def test_images():
    _require_no_fault(fuzz_images.attack, 50)


@pytest.mark.slow
def test_4_000_images():
    _require_no_fault(fuzz_images.attack, 4_000)


def test_stores_and_artifacts():
    _require_no_fault(fuzz_stores.attack, 40)


@pytest.mark.slow
def test_2_000_stores_and_artifacts():
    _require_no_fault(fuzz_stores.attack, 2_000)


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (DistillError("one line"), fuzzing.REFUSED),
        (DistillError("\x1b[31m"), fuzzing.UNREADABLE),
        (DistillError("x" * 9999), fuzzing.UNREADABLE),
        (KeyError("x"), fuzzing.RAW),
    ],
)
def test_the_fuzzer_tells_outcomes_apart(error, outcome):
    def attack(rng):
        raise error

    assert fuzzing.run(2, 0, attack)["outcomes"] == {outcome: 2}

"""A training on several devices is that on one."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest

SCRIPT = pathlib.Path(__file__).with_name("on_two_devices.py")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def pairs(tmp_path_factory):
    """What came out on one and on two devices, for teacher and student."""
    folder = tmp_path_factory.mktemp("models")
    command = [sys.executable, str(SCRIPT), str(folder)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(command, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stderr
    found = json.loads((folder / "results.json").read_text())
    return list(zip(found["one"], found["two"], strict=True))


def test_weights_are_on_all_devices(pairs):
    assert [(one["devices"], two["devices"]) for one, two in pairs] == [(1, 2)] * 2


def test_exported_models_answer_as_those_of_one_device(pairs):
    for one, two in pairs:
        np.testing.assert_allclose(one["answers"], two["answers"], atol=1e-4)


def test_losses_and_accuracies_are_those_of_one_device(pairs):
    for one, two in pairs:
        assert one["history"].keys() == two["history"].keys()
        for name, values in one["history"].items():
            np.testing.assert_allclose(values, two["history"][name], rtol=1e-4)

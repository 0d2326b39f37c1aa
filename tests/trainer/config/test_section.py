"""Sections as values: copies, JSON, and the words for what was refused."""

import copy
import json
import pickle

import pytest

from tfx_distill.trainer.config.data_config import DataConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.examples_config import ExamplesConfig
from tfx_distill.trainer.config.training_config import AssistantConfig, StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.errors import ConfigError


@pytest.mark.parametrize(
    "copied", [copy.deepcopy, lambda s: pickle.loads(pickle.dumps(s))]
)
def test_a_copy_is_equal(copied):
    data = DataConfig(image_shape=(8, 8, 1))
    assert copied(data) == data


def test_json_of_an_older_version_is_read():
    """Text as versions with dataclasses wrote it: lists, and every key."""
    old = {
        "algorithm": "random",
        "directory": None,
        "epochs": 1,
        "max_parameters": 10000,
        "max_trials": 2,
        "parallel": 2,
        "seed": 0,
        "space": {"student.batch_size": {"choices": [32, 64]}},
    }
    text = json.dumps(old, sort_keys=True)
    assert TuningConfig.from_json(text).to_json() == text


@pytest.mark.parametrize(
    ("kind", "values", "message"),
    [
        (DistillationConfig, {"features": [{"teacher": "conv"}]},
         "distillation.features[0].student must be a string, received nothing."),
        (DistillationConfig, {"features": [{"teacher": "a", "student": "b", "weight": 0}]},
         "distillation.features[0].weight must be a number in [1e-06, 1000000.0], "
         "received 0."),
        (AssistantConfig, {"epochs": 1, "quantization_aware_epochs": 2},
         "assistant.quantization_aware_epochs must be an integer in [0, 1], the number of "
         "epochs, received 2."),
        (ExamplesConfig, {"test_split": ""},
         "examples.test_split must be a non-empty string, received ''."),
        (StudentConfig, 3, "student must be a mapping of keys, received 3."),
    ],
)  # fmt: skip
def test_a_message_names_key_expected_and_received(kind, values, message):
    with pytest.raises(ConfigError) as refusal:
        kind.build(values)
    assert str(refusal.value) == message

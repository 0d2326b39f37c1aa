"""Tuned values replace configured ones, and nothing else."""

import pytest

from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.tuning import hyperparameters


def test_values_replace_settings_by_their_keys():
    student, distillation = hyperparameters.apply(
        {"student.batch_size": 64, "distillation.temperature": 2},
        StudentConfig(epochs=3),
        DistillationConfig(),
    )
    assert student == StudentConfig(epochs=3, batch_size=64)
    assert distillation == DistillationConfig(temperature=2.0)


@pytest.mark.parametrize("key", ["temperature", "teacher.epochs", "student.widht"])
def test_an_unknown_hyperparameter_is_refused(key):
    with pytest.raises(ConfigError, match=f"Unknown hyperparameter {key}"):
        hyperparameters.apply({key: 1}, StudentConfig(), DistillationConfig())


def test_a_value_out_of_range_is_refused():
    with pytest.raises(
        ConfigError, match=r"temperature must be a number in \[0\.1, 100\]"
    ):
        hyperparameters.apply(
            {"distillation.temperature": 0}, StudentConfig(), DistillationConfig()
        )

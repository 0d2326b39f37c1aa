"""Tuned values replace configured ones, and nothing else."""

import pytest

from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.errors import ConfigError
from tfx_distill.trainer.tuning import hyperparameters


def test_values_replace_settings_by_their_keys():
    student, distillation = hyperparameters.apply(
        {
            "tuner/epochs": 9,  # KerasTuner's own
            "student.batch_size": 64,
            "distillation.temperature": 2,
        },
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


@pytest.mark.parametrize(
    ("key", "value", "found"),
    [
        ("optimizer", "sgd", lambda student: student.optimizer.name),
        ("optimizer.weight_decay", 0.1, lambda s: s.optimizer.weight_decay),
        ("optimizer.beta_1", 0.8, lambda s: s.optimizer.arguments["beta_1"]),
        ("warmup_share", 0.2, lambda s: s.warmup_share),
        ("label_smoothing", 0.2, lambda s: s.label_smoothing),
        ("class_weight", "balanced", lambda s: s.class_weight),
        ("balanced_sampling", True, lambda s: s.balanced_sampling),
        ("early_stopping.patience", 3, lambda s: s.early_stopping.patience),
        ("augmentation.0.factor", 0.3, lambda s: s.augmentation[0].arguments["factor"]),
        ("options.widths.1", 9, lambda s: s.options["widths"]),
    ],
)
def test_each_setting_of_a_training_can_be_searched(key, value, found):
    student = StudentConfig(
        augmentation=["RandomRotation"], options={"widths": [9, 8, 9]}
    )
    tuned, _ = hyperparameters.apply(
        {f"student.{key}": value}, student, DistillationConfig()
    )
    assert found(tuned) == ([9, 9, 9] if "widths" in key else value)


def test_a_list_that_is_too_short_is_filled_up():
    student, _ = hyperparameters.apply(
        {"student.options.widths.2": 9}, StudentConfig(), DistillationConfig()
    )
    assert student.options["widths"] == [9, 9, 9]


@pytest.mark.parametrize("key", ["student.views.few", "student.augmentation.first"])
def test_a_path_that_leads_nowhere_is_refused(key):
    student = StudentConfig(views=2, augmentation=["RandomFlip"])
    with pytest.raises(ConfigError, match=f"Unknown hyperparameter {key}"):
        hyperparameters.apply({key: 1}, student, DistillationConfig())


def test_an_optimizer_is_searched_together_with_its_arguments():
    values = {"student.optimizer": "sgd", "student.optimizer.momentum": 0.5}
    tuned, _ = hyperparameters.apply(values, StudentConfig(), DistillationConfig())
    assert tuned.optimizer.name == "sgd"
    assert tuned.optimizer.arguments == {"momentum": 0.5}

"""The tuner's executor on `digits`: what it writes is what others read."""

import json
import os
import pathlib
import runpy

import keras_tuner
import pytest
from tfx.types import standard_artifacts
from tfx.utils import io_utils

from tfx_distill.components.artifact_types import TeacherLogits
from tfx_distill.components.distillation_tuner.executor import Executor
from tfx_distill.components.teacher_logits.executor import Executor as AskExecutor
from tfx_distill.trainer.config.data_config import ViewsConfig
from tfx_distill.trainer.config.distillation_config import DistillationConfig
from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.training_config import StudentConfig
from tfx_distill.trainer.config.tuning_config import TuningConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.tuning import hyperparameters, trials

ROOT = pathlib.Path(__file__).resolve().parents[3]
STUDENT = StudentConfig(batch_size=64)
VIEWS = ViewsConfig(count=2)
SPACE = {
    "distillation.temperature": {"min": 1.0, "max": 8.0},
    "student.views": {"choices": [1, 2]},
}


@pytest.fixture(scope="module")
def answers(examples, teacher, tmp_path_factory):
    artifact = TeacherLogits()
    artifact.uri = str(tmp_path_factory.mktemp("answers"))
    properties = {
        "views": VIEWS.to_json(),
        "average": AverageConfig().to_json(),
        "feature_layers": "[]",
    }
    inputs = {"examples": [examples], "teacher_model": [teacher]}
    AskExecutor().Do(inputs, {"teacher_logits": [artifact]}, properties)
    return artifact


@pytest.fixture
def outputs(examples, teacher, answers, tmp_path, monkeypatch):
    """The artifacts of a search of two trials, and the splits that it loaded."""
    loaded = []
    original = example_reader.split_files

    def files(folder, split, spec):
        loaded.append(split)
        return original(folder, split, spec)

    monkeypatch.setattr(example_reader, "split_files", files)
    best = standard_artifacts.HyperParameters()
    results = standard_artifacts.TunerResults()
    best.uri, results.uri = str(tmp_path / "best"), str(tmp_path / "results")
    config = TuningConfig(algorithm="random", max_trials=2, epochs=1, space=SPACE)
    Executor().Do(
        {
            "examples": [examples],
            "teacher_model": [teacher],
            "teacher_logits": [answers],
        },
        {"best_hyperparameters": [best], "tuner_results": [results]},
        {
            "student": STUDENT.to_json(),
            "distillation": DistillationConfig().to_json(),
            "average": AverageConfig().to_json(),
            "tuning": config.to_json(),
            "directory": str(tmp_path / "state"),
        },
    )
    return best, results, loaded


def test_the_best_values_are_written_as_tfx_writes_them(outputs, tmp_path):
    best, results, loaded = outputs
    text = io_utils.read_string_file(io_utils.get_only_uri_in_dir(best.uri))
    tuned = keras_tuner.HyperParameters.from_config(json.loads(text))
    found = trials.Trials.load(results.uri)
    assert tuned.values == found.best.values
    student, distillation = hyperparameters.apply(
        tuned.values, STUDENT, DistillationConfig()
    )
    assert student.views == tuned.values["student.views"]
    assert distillation.temperature == tuned.values["distillation.temperature"]
    assert best.get_float_custom_property("eval_accuracy") == found.best.objective
    assert [trial.epochs for trial in found.trials] == [1, 1]
    assert os.listdir(results.uri) == ["trials.json"]
    assert list((tmp_path / "state").iterdir()) == []
    assert sorted(set(loaded)) == ["eval", "train"]


@pytest.mark.slow
def test_the_benchmark_runs_the_same_trials_twice(digits, capsys):
    script = runpy.run_path(str(ROOT / "benchmarks" / "tuning.py"))
    script["main"](["--smoke", "--data-dir", digits.data_dir])
    result = json.loads(capsys.readouterr().out)
    assert result["trials"] == 2
    assert result["largest_difference_in_accuracy"] == 0
    seconds = result["cached_s"] / result["in_loop_s"]
    assert result["figures"][1]["median"] == pytest.approx(seconds, rel=0.1)
    assert result["cached_s"] > result["answers_s"]

"""What experiment trackers are told, by packages that write it down."""

import json
import sys

import pytest

from tfx_distill.pipeline import tracking
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.trainer.errors import ConfigError

RESULT = json.dumps(
    {"blessed": True, "student": {"accuracy": 0.98, "path": "/m"}, "reasons": []}
)
CURVES = {"Teacher.loss": (0.5, 0.25), "Student.loss": (0.7,)}
MLFLOW = """
import contextlib, json, sys
told = []
def __getattr__(name):
    def call(*arguments, **options):
        told.append([name, arguments, options])
        return contextlib.nullcontext()
    return call
"""
WANDB = """
told = []
class _Run:
    def __enter__(self): return self
    def __exit__(self, *error): told.append(["end"])
    def log(self, values, step): told.append(["log", step, values])
    @property
    def summary(self): return self
    def update(self, values): told.append(["summary", values])
def init(**options):
    told.append(["init", options])
    return _Run()
"""


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """A function that installs a package of this name."""
    monkeypatch.syspath_prepend(tmp_path)

    def install(name, source):
        (tmp_path / f"{name}.py").write_text(source)
        return lambda: sys.modules[name].told

    yield install
    for name in ("mlflow", "wandb"):
        sys.modules.pop(name, None)


def _record(folder, *overrides):
    config = load_config("smoke", overrides)
    (folder / "report.html").write_text("")
    tracking.check(config.tracking)
    tracking.record(config, RESULT, CURVES, folder)


def test_mlflow_gets_settings_numbers_curves_and_the_report(
    installed, tmp_path, monkeypatch
):
    told = installed("mlflow", MLFLOW)
    monkeypatch.setenv("TRACKER", "/folder")
    _record(tmp_path, "tracking.mlflow=env:TRACKER")
    found = [(name, arguments) for name, arguments, _ in told()]
    assert found[:2] == [
        ("set_tracking_uri", ("/folder",)),
        ("set_experiment", ("smoke-digits",)),
    ]
    calls = {name: arguments for name, arguments in found}
    assert calls["log_params"][0]["student.epochs"] == "12"
    assert found[4] == ("log_metrics", ({"blessed": 1.0, "student.accuracy": 0.98},))
    steps = [(a[0], o["step"]) for n, a, o in told() if "step" in o]
    assert steps == [
        ({"Teacher.loss": 0.5, "Student.loss": 0.7}, 1),
        ({"Teacher.loss": 0.25}, 2),
    ]
    assert calls["log_artifact"] == (str(tmp_path / "report.html"),)


def test_wandb_gets_the_same(installed, tmp_path):
    told = installed("wandb", WANDB)
    _record(tmp_path, "tracking.wandb=digits", "tracking.experiment=mine")
    (_, options), first, second, summary, end = told()
    assert (options["project"], options["group"]) == ("digits", "mine")
    assert options["config"]["student.epochs"] == 12
    assert first == ["log", 1, {"Teacher.loss": 0.5, "Student.loss": 0.7}]
    assert second == ["log", 2, {"Teacher.loss": 0.25}]
    assert summary[1]["student.accuracy"] == 0.98 and end == ["end"]


def test_a_package_that_is_missing_is_named_before_anything_runs():
    config = load_config("smoke", ["tracking.wandb=digits"])
    with pytest.raises(ConfigError, match="pip install wandb"):
        tracking.check(config.tracking)


def test_without_trackers_nothing_is_needed(tmp_path):
    _record(tmp_path)

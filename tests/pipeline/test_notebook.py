"""The Python interface: light until it is used, frames of what was recorded."""

import inspect
import subprocess
import sys

import metadata_stores
import pytest

import tfx_distill
from tfx_distill.trainer.errors import ConfigError, DistillError


def _loaded(code):
    heavy = ("tfx", "tensorflow", "keras", "pydantic", "pandas", "apache_beam")
    code += f"\nimport sys; print([m for m in {heavy!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    return done.stdout.strip()


def test_the_package_loads_nothing_and_its_interface_no_tensorflow():
    assert _loaded("import tfx_distill") == "[]"
    assert _loaded("import tfx_distill\ntfx_distill.load_run") == (
        "['pydantic', 'pandas']"
    )


def test_signatures_name_nothing_of_tfx():
    for name in tfx_distill._INTERFACE:
        one = getattr(tfx_distill, name)
        functions = [f for _, f in inspect.getmembers(one, inspect.isfunction)] or [one]
        for function in functions:
            text = str(inspect.signature(function))
            assert not {"tfx", "beam", "mlmd"} & set(text.lower().split(".")), text
        assert name in dir(tfx_distill)


@pytest.fixture
def store(tmp_path):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    writer.distill("run-1", tmp_path, config="student: {epochs: 3}")
    metadata_stores.verdict(tmp_path / "blessing" / "run-1", blessed=True)
    return str(writer.path)


def test_runs_and_a_run_by_the_beginning_of_its_name(store):
    table = tfx_distill.runs(metadata=store)
    assert list(table.index) == ["run-1"] and table.state.item() == "COMPLETE"
    run = tfx_distill.load_run("run", metadata=store)
    assert (run.name, run.blessed) == ("run-1", True)
    assert run.config["student.epochs"] == 3
    assert {"node", "direction", "artifact"} <= set(run.lineage.columns)
    assert set(run.metrics.columns) == {"model", "slice", "metric", "value"}
    assert set(run.metrics.model) <= {"teacher", "student"}


def test_what_is_not_there_is_said(store, tmp_path):
    with pytest.raises(DistillError, match="has no run other"):
        tfx_distill.load_run("other", metadata=store)
    with pytest.raises(DistillError, match="has no ModelEvaluation"):
        _ = tfx_distill.load_run("run-1", metadata=store).predictions
    with pytest.raises(ConfigError, match="student.epoch"):
        tfx_distill.run(settings={"student": {"epoch": 3}})

"""What a failed run says: its own error, whatever becomes of its report."""

import logging
import pathlib

import pytest

from tfx_distill.pipeline import log_capture
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.report import writer
from tfx_distill.pipeline.runners.local import run_aftermath


@pytest.fixture
def config(tmp_path):
    return load_config("smoke", [f"pipeline.root={tmp_path}"])


def _report(config):
    terminal = log_capture.direct()
    run_dir = pathlib.Path("run")
    reported = run_aftermath.failure_reported(config, run_dir, terminal)
    with pytest.raises(ZeroDivisionError), reported:
        raise ZeroDivisionError("the run's own error")


def test_a_run_that_never_began_has_no_report(config, caplog):
    _report(config)
    assert not caplog.records


def test_a_report_that_fails_hides_no_error(config, caplog, monkeypatch):
    def fail(*_):
        raise TypeError("a defect of the report")

    monkeypatch.setattr(writer, "write_run", fail)
    with caplog.at_level(logging.ERROR):
        _report(config)
    assert "could not be written" in caplog.text

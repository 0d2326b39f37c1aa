"""A webhook is told how a run ended, however it ended."""

import json_receiver
import pytest

from tfx_distill.components.checks import Bound, Check
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.runners.local import run_webhook
from tfx_distill.pipeline.runners.local.results import NodeResult, RunResult
from tfx_distill.trainer.errors import DistillError, Interrupted

CHECK = Check(name="gate.min_accuracy", slice="overall", bound=0.9, value=0.8, ok=False)


@pytest.fixture
def receiver():
    with json_receiver.running() as receiver:
        yield receiver


def _result(pushed, cached=False):
    fields = dict.fromkeys(RunResult.__dataclass_fields__)
    bounds = (Bound(worst=CHECK, num_checks=1, num_failed=1),)
    nodes = {"Pusher": NodeResult(seconds=1.0, cached=cached)}
    fields |= {"pushed": pushed, "nodes": nodes, "bounds": bounds}
    return RunResult(**fields | {"reasons": () if pushed else ("too bad",)})


@pytest.fixture
def told(receiver, tmp_path, monkeypatch):
    """Ends a run with a result or an error; returns what was sent and said."""
    monkeypatch.setenv("HOOK", receiver.url)
    monkeypatch.setenv("HOOK_TOKEN", "s3cret")
    settings = ["webhook.url=env:HOOK", "webhook.token=env:HOOK_TOKEN"]
    config = load_config("smoke", [*settings, f"pipeline.root={tmp_path}"])
    said = []

    def work(end):
        if isinstance(end, BaseException):
            raise end
        return end

    def run(end):
        try:
            run_webhook.told(config, tmp_path / "7", lambda: work(end), said.extend)
        except BaseException as error:
            assert error is end
        return receiver.received, said

    return run


def test_a_pushed_student(told, tmp_path):
    (sent,), said = told(_result("/serving/17"))
    assert sent == (
        "/hook/",
        "Bearer s3cret",
        {
            "pipeline": "smoke-digits", "run": "7", "state": "pushed",
            "version": "17", "uri": "file:///serving/17", "reasons": [], "errors": [],
            "bounds": [{"name": "gate.min_accuracy", "slice": "overall", "bound": 0.9,
                        "value": 0.8, "ok": False, "at_most": False, "num_failed": 1}],
            "link": f"file://{tmp_path}/7/report.html",
        },
    )  # fmt: skip
    assert said == []


def test_a_version_in_an_object_store_is_told_by_its_url(told):
    (sent,), _ = told(_result("s3://models/digits/17"))
    assert sent[2]["uri"] == "s3://models/digits/17"


def test_a_refused_student_and_one_of_an_earlier_run(told):
    assert told(_result(None))[0][0][2]["reasons"] == ["too bad"]
    sent, _ = told(_result("/serving/17", cached=True))
    assert [body["state"] for _, _, body in sent] == ["refused", "completed"]


@pytest.mark.parametrize(
    "error",
    [DistillError("Teacher: no image"), Interrupted("Stopped."), KeyboardInterrupt()],
)
def test_a_run_that_fails_is_told_with_its_error(told, error):
    (sent,), _ = told(error)
    expected = str(error) or "KeyboardInterrupt"
    assert (sent[2]["state"], sent[2]["errors"]) == ("failed", [expected])
    assert sent[2]["version"] == ""


@pytest.mark.parametrize("status", [500, 409, 302])
def test_a_webhook_that_refuses_is_said_and_changes_nothing(told, receiver, status):
    receiver.status = status
    _, (said,) = told(_result("/serving/17"))
    assert said == (
        "The webhook was not told that the run is pushed: The webhook env:HOOK answered "
        f"{status}" + (", expected 200." if status == 409 else ": no text")
    )


def test_without_a_webhook_nothing_is_sent(receiver, tmp_path):
    config = load_config("smoke", [])
    result = _result(None)
    assert run_webhook.told(config, tmp_path, lambda: result, print) is result
    assert receiver.received == []

"""The exit task tells a webhook the truth of a run that has not ended yet itself."""

import json

import json_receiver
import pytest
from kfp_stub import PIPELINE, grpc_error
from kfp_workflow import argo_id, container, run_state

PUSHED = (
    "12:00:03 INFO tfx_distill.components.pusher.executor: Pushed version 17 to /s\n"
)
REFUSED = (
    "12:00:03 WARNING tfx_distill.components.pusher.executor: Not pushed: margin\n"
)
CHECK = {"name": "gate.margin", "slice": "overall", "bound": -0.01, "value": -0.5,
         "ok": False, "at_most": False}  # fmt: skip
VERDICT = {
    "blessed": False,
    "bounds": [{"worst": CHECK, "num_checks": 1, "num_failed": 1}],
}
GATE = f"12:00:02 INFO distill: Verdict {json.dumps(VERDICT)}\n"


@pytest.fixture
def told(stub, distill, tmp_path):
    """Runs `notify` for a run whose nodes are in states; returns what was sent."""
    file = tmp_path / "digits.yaml"
    text = PIPELINE.read_text().replace("Trainer", "Pusher")
    file.write_text(text.replace("ExampleGen", "Evaluator"))
    assert distill("submit", file)[0] == 0
    (run_id,) = stub.runs

    def run(*states, logs=(), status=0):
        stub.states = [run_state(state, nodes) for state, nodes in states]
        stub.logs.update(logs)
        with json_receiver.running() as receiver:
            receiver.status = 500 if status else 200
            ended = distill("notify", run_id, "--url", receiver.url)
        assert ended[0] == status, ended
        (_, token, body), *again = receiver.received
        assert (token, body["run"], again) == ("", run_id, [])
        return body

    return run


def _nodes(evaluator, pusher):
    # The exit task's own records are those of a node that runs.
    return {"Evaluator": evaluator, "Pusher": pusher, "Notify": "running"}


@pytest.mark.parametrize(
    ("log", "state", "version", "reasons"),
    [(PUSHED, "pushed", "17", []), (REFUSED, "refused", "", ["margin"])],
)
def test_a_run_whose_nodes_succeeded(told, stub, log, state, version, reasons):
    logs = {argo_id(container("Pusher")): log, argo_id(container("Evaluator")): GATE}
    sent = told(("RUNNING", _nodes("succeeded", "succeeded")), logs=logs)
    assert (sent["state"], sent["version"], sent["reasons"]) == (
        state,
        version,
        reasons,
    )
    assert sent["bounds"] == [{**CHECK, "num_failed": 1}]
    assert sent["pipeline"] == "digits" and sent["errors"] == []
    assert sent["link"].endswith(f"/#/runs/details/{sent['run']}")


def test_a_run_that_failed(told):
    log = {argo_id(container("Evaluator")): "12:00:02 ERROR distill: No image.\n"}
    sent = told(("RUNNING", _nodes("failed", "omitted")), logs=log)
    assert (sent["state"], sent["errors"]) == ("failed", ["Evaluator: No image."])
    assert sent["version"] == "" and sent["reasons"] == []


def test_what_fails_after_the_push_does_not_take_it_back(told):
    logs = {argo_id(container("Pusher")): PUSHED}
    sent = told(("RUNNING", _nodes("failed", "succeeded")), logs=logs)
    assert (sent["state"], sent["version"], sent["uri"]) == ("failed", "17", "/s")


def test_the_server_hears_late_of_the_last_node(told):
    logs = {argo_id(container("Pusher")): PUSHED}
    running = ("RUNNING", _nodes("succeeded", "running"))
    sent = told(
        running, running, ("RUNNING", _nodes("succeeded", "succeeded")), logs=logs
    )
    assert sent["state"] == "pushed"


def test_a_decision_whose_log_is_gone_is_unknown_and_not_a_push(told):
    sent = told(("RUNNING", _nodes("succeeded", "succeeded")))
    assert sent["state"] == "unknown" and "is not known" in sent["errors"][0]


def test_a_student_of_an_earlier_run_is_not_told_as_pushed(told):
    assert told(("RUNNING", _nodes("cached", "cached")))["state"] == "completed"


def test_a_run_that_does_not_end_is_unknown(told):
    sent = told(("RUNNING", _nodes("succeeded", "running")))
    assert sent["state"] == "unknown" and sent["errors"]


def test_a_server_that_says_nothing_is_told_as_such(told, stub):
    stub.answers["GET /apis/v2beta1/runs/"] = grpc_error(403, 7, "no")
    sent = told(("RUNNING", {}))
    assert sent["state"] == "unknown" and "No permission" in sent["errors"][0]


def test_a_webhook_that_fails_fails_the_task(told):
    nodes = _nodes("succeeded", "succeeded")
    assert told(("RUNNING", nodes), status=1)["state"] == "unknown"


def test_nodes_in_an_exit_handler_are_found_by_argos_names():
    import types

    from tfx_distill.pipeline.runners.kubeflow.client import workflow_records

    def record(name, *children):
        kids = [types.SimpleNamespace(pod_name=argo_id(child)) for child in children]
        return types.SimpleNamespace(
            display_name=name, state="SUCCEEDED", child_tasks=kids, error=None,
            state_history=None, start_time=None, create_time=None, end_time=None,
        )  # fmt: skip

    group = "digits-x7k2p(0).root(0).exit-handler-1"
    records = [
        record("root(0)"),
        record("exit-handler-1", f"{group}(0).Pusher(0).executor"),
        record("executor", f"{group}(0).Pusher(0).executor(0)"),
    ]
    workflow = workflow_records.Workflow(records, {"Pusher": "impl", "Notify": "impl"})
    names = workflow.log_names("Pusher")
    assert names[1] == argo_id(f"{group}(0).Pusher(0).executor(0)")
    hook = f"{group}.onExit(0).Notify(0).executor(0)"
    assert argo_id(hook) in workflow.log_names("Notify")
    assert workflow.nodes() == []

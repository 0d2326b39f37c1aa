"""The end of a run: pushed, refused or failed, and why."""

import types

import kfp_stub
import pytest
from kfp_stub import PIPELINE
from kfp_workflow import argo_id, container, driver, run_state
from kubernetes import client, config

from tfx_distill.pipeline.runners.kubeflow.client import pod_reasons

PUSHED = (
    "12:00:03 INFO tfx_distill.components.pusher.executor: Pushed version 17 to /s\n"
)
REFUSED = (
    "12:00:03 WARNING tfx_distill.components.pusher.executor: Not pushed: gate.margin\n"
)


@pytest.fixture
def waited(stub, distill, tmp_path):
    """Waits for a run of a pipeline with a Pusher; returns exit status and last lines."""
    file = tmp_path / "digits.yaml"
    file.write_text(PIPELINE.read_text().replace("Trainer", "Pusher"))

    def run(state, nodes, logs):
        stub.states = [run_state(state, nodes)]
        stub.logs.update(logs)
        status, _, err = distill("submit", file, "--wait")
        lines = err.splitlines()
        first = next(i for i, line in enumerate(lines) if line.startswith("[2/2]"))
        return status, lines[first + 1 :]

    return run


@pytest.mark.parametrize(
    ("log", "status", "end"),
    [
        (PUSHED, 0, ["Run succeeded.", "Pushed version 17 to /s"]),
        (REFUSED, 3, ["Run succeeded.", "Nothing was pushed:", "  gate.margin"]),
        (
            "",
            0,
            [
                "Run succeeded.",
                "Whether the student was pushed is not known: the log of Pusher is gone.",
            ],
        ),
    ],
)
def test_the_verdict_is_told_with_the_exit_status_of_a_local_run(
    waited, log, status, end
):
    nodes = {"ExampleGen": "succeeded", "Pusher": "succeeded"}
    assert waited("SUCCEEDED", nodes, {argo_id(container("Pusher")): log}) == (
        status,
        end,
    )


@pytest.mark.parametrize(
    ("recorded", "status", "lines"),
    [
        (
            {"pushed": 1, "pushed_version": "17", "pushed_destination": "pvc://c/s"},
            0,
            ["Pushed version 17 to pvc://c/s"],
        ),
        (
            {"pushed": 0, "reason": "gate.margin: 1; gate.size: 2"},
            3,
            ["Nothing was pushed:", "  gate.margin: 1", "  gate.size: 2"],
        ),
    ],
)
def test_without_logs_a_server_with_records_of_its_own_knows_the_verdict(
    stub, distill, recorded, status, lines
):
    distill("submit", PIPELINE)
    (run_id,) = stub.runs
    stub.states = [{"state": "SUCCEEDED"}]
    output = {"artifact_key": "pushed_model", "artifacts": [{"metadata": recorded}]}
    stub.tasks = [
        {"name": "Pusher", "type": "RUNTIME", "state": "SUCCEEDED",
         "outputs": {"artifacts": [output]},
         "pods": [{"type": "EXECUTOR", "name": "w-system-container-impl-1"}]}
    ]  # fmt: skip
    stub.versions.clear()  # so that the nodes are those with records
    code, _, err = distill("status", run_id)
    assert (code, err.splitlines()) == (status, ["Run succeeded.", *lines])


def test_a_cached_pusher_decided_before(waited):
    nodes = {"ExampleGen": "cached", "Pusher": "cached"}
    status, (_, line) = waited("SUCCEEDED", nodes, {})
    assert status == 0 and "Pusher had nothing to do" in line


def test_a_failed_run_names_the_node_our_own_error_and_the_command_for_the_rest(
    waited, stub
):
    log = "12:00:02 ERROR distill: Data set x: no image.\nexit status 1\n"
    nodes = {"ExampleGen": "failed", "Pusher": "omitted"}
    status, lines = waited("FAILED", nodes, {argo_id(container("ExampleGen")): log})
    (run_id,) = stub.runs
    assert (status, lines) == (
        1,
        [
            "ExampleGen failed: Data set x: no image.",
            f"  all of it: distill kubeflow logs {run_id} --node ExampleGen",
            "Run failed.",
        ],
    )


def test_a_failed_driver_is_told_by_its_own_log(waited):
    log = "I0301 12:00:01.1 1 main.go:50] begins\nF0301 12:00:03.1 1 main.go:85] no root\n"
    nodes = {"ExampleGen": "driver failed", "Pusher": "omitted"}
    name = argo_id(driver("ExampleGen"), "system-container-driver")
    _, lines = waited("FAILED", nodes, {name: log})
    assert lines[0] == "ExampleGen failed: no root"


def _failing_after(create):
    """The server's answer that creates something and then fails."""

    def fails(**arguments):
        create(**arguments)
        raise kfp_stub.grpc_error(500, 13, "out of time")

    return fails


def test_a_run_that_was_created_before_the_servers_error_is_found(stub, distill):
    stub.post_runs = _failing_after(stub.post_runs)
    status, out, _ = distill("submit", PIPELINE, "--run-name", "50% off a+b")
    assert status == 0 and next(iter(stub.runs)) in out


def test_a_schedule_that_was_created_before_the_servers_error_is_found(stub, distill):
    stub.post_recurringruns = _failing_after(stub.post_recurringruns)
    status, out, _ = distill("schedule", PIPELINE, "--cron", "0 0 2 * * *")
    assert status == 0 and next(iter(stub.recurring)) in out


@pytest.mark.parametrize("reason", ["failed (500)", "rejected"])
def test_whether_a_run_was_created_may_remain_unknown(stub, distill, reason):
    code = 500 if "500" in reason else 400

    def fails(**_):
        stub.answers["GET /apis/v2beta1/runs"] = kfp_stub.grpc_error(503, 14, "down")
        raise kfp_stub.grpc_error(code, 13, "out of time")

    stub.post_runs = fails
    status, _, err = distill("submit", PIPELINE)
    assert status == 1 and reason in err
    is_told = "created all the same is not known: distill kubeflow runs" in err
    assert is_told == (code == 500)


@pytest.mark.parametrize(
    ("option", "value", "reason"),
    [
        (
            "--run-name",
            "n" * 300,
            "received a name of 300 characters, expected 1 to 127",
        ),
        ("--experiment", "n" * 128, "expected 1 to 127"),
        ("--run-name", "of {{workflow.name}}", "Argo would replace"),
        ("--param", "data-dir=$(HOME)/x", "Kubernetes would replace"),
    ],
)
def test_a_name_or_value_that_would_not_arrive_is_refused_before_anything_is_sent(
    stub, distill, option, value, reason
):
    status, _, err = distill("submit", PIPELINE, option, value)
    assert status == 2 and reason in err and not stub.runs and not stub.pipelines


def test_an_experiment_is_found_again_whatever_its_name(stub, distill):
    for _ in range(2):
        assert distill("submit", PIPELINE, "--experiment", "a+b 50% off")[0] == 0
    assert len(stub.experiments) == 1


def _pod(waiting):
    status = types.SimpleNamespace(state=types.SimpleNamespace(waiting=waiting))
    return types.SimpleNamespace(
        metadata=types.SimpleNamespace(name="p"),
        status=types.SimpleNamespace(
            phase="Pending", container_statuses=[status], init_container_statuses=None
        ),
    )


def test_kubernetes_says_why_a_pod_does_not_start(monkeypatch):
    waiting = types.SimpleNamespace(reason="ImagePullBackOff", message="no such image")
    asked = {}

    def list_pods(self, namespace, **options):
        asked.update(options, namespace=namespace)
        return types.SimpleNamespace(items=[_pod(waiting)])

    monkeypatch.setattr(config, "load_kube_config", lambda: None)
    monkeypatch.setattr(client.CoreV1Api, "list_namespaced_pod", list_pods)
    assert pod_reasons.of_run("7", "team") == "ImagePullBackOff: no such image"
    assert (asked["namespace"], asked["label_selector"]) == ("team", "pipeline/runid=7")


def test_without_rights_there_is_a_command_to_type():
    command = "kubectl describe pods -n team -l pipeline/runid=7"
    assert pod_reasons.of_run("7", "team") == command

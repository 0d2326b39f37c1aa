"""What is said of the nodes of a run, by the records of both kinds of servers."""

import pytest
from kfp_stub import PIPELINE
from kfp_workflow import argo_id, container, driver, run_state


def submitted(stub, distill):
    distill("submit", PIPELINE)
    (run_id,) = stub.runs
    return run_id


def status_lines(stub, distill, state):
    """The lines of both nodes, in words."""
    run_id = submitted(stub, distill)
    stub.states = [state]
    _, out, _ = distill("status", run_id)
    return [" ".join(line.split()) for line in out.splitlines()[1:]]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("driving", "ExampleGen preparing"),
        ("no pod", "ExampleGen waiting for a pod since 2026-03-01T12:00:04Z"),
        ("running", "ExampleGen running"),
        ("succeeded", "ExampleGen succeeded 24 s"),
        ("cached", "ExampleGen from the cache 24 s"),
    ],
)
def test_a_nodes_state_is_that_of_its_whole_chain(stub, distill, stage, expected):
    state = run_state("RUNNING", {"ExampleGen": stage})
    assert status_lines(stub, distill, state) == [expected, "Trainer waiting"]


@pytest.mark.parametrize(
    ("stage", "expected"),
    [
        ("failed", "ExampleGen failed 24 s"),
        ("driver failed", "ExampleGen driver failed 4 s"),
    ],
)
def test_what_follows_a_failure_did_not_run(stub, distill, stage, expected):
    state = run_state("FAILED", {"ExampleGen": stage, "Trainer": "omitted"})
    assert status_lines(stub, distill, state) == [expected, "Trainer not run"]


def test_a_node_of_an_ended_run_without_any_record_did_not_run(stub, distill):
    lines = status_lines(stub, distill, run_state("FAILED", {"ExampleGen": "failed"}))
    assert lines[1] == "Trainer not run"


def test_two_nodes_at_the_same_time_are_not_said_to_lack_a_pod_in_doubt(stub, distill):
    state = run_state("RUNNING", {"ExampleGen": "no pod", "Trainer": "running"})
    lines = status_lines(stub, distill, state)
    assert lines == ["ExampleGen running", "Trainer running"]


def test_before_kfp_2_17_there_are_no_retry_nodes(stub, distill):
    state = run_state("RUNNING", {"ExampleGen": "running"})
    details = state["run_details"]["task_details"]
    kept = [record for record in details if "(" not in record.get("display_name", "")]
    state["run_details"]["task_details"] = kept
    assert status_lines(stub, distill, state)[0] == "ExampleGen running"
    (run_id,) = stub.runs
    stub.logs[argo_id(f"{'digits-x7k2p'}.root.ExampleGen.executor")] = "one\n"
    assert distill("logs", run_id)[1] == "==> ExampleGen <==\none\n"


def pod(kind, name):
    return {"type": kind, "name": f"digits-x7k2p-system-container-{name}", "uid": "1"}


def task(state, *pods, message=None):
    return {
        "name": "ExampleGen",
        "type": "RUNTIME",
        "state": state,
        "create_time": "2026-03-01T12:00:00Z",
        **({} if state == "RUNNING" else {"end_time": "2026-03-01T12:00:24Z"}),
        "pods": list(pods),
        **({"status_metadata": {"message": message}} if message else {}),
    }


DRIVER, EXECUTOR = pod("DRIVER", "driver-11"), pod("EXECUTOR", "impl-22")


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            task("RUNNING", DRIVER),
            "ExampleGen waiting for a pod since 2026-03-01T12:00:00Z",
        ),
        (task("RUNNING", DRIVER, EXECUTOR), "ExampleGen running"),
        (task("SUCCEEDED", DRIVER, EXECUTOR), "ExampleGen succeeded 24 s"),
        (task("CACHED", DRIVER), "ExampleGen from the cache 24 s"),
        (task("FAILED", DRIVER), "ExampleGen driver failed 24 s"),
        (
            task("FAILED", DRIVER, EXECUTOR, message="exit status 1"),
            "ExampleGen failed 24 s exit status 1",
        ),
    ],
)
def test_a_server_without_ml_metadata_is_read_as_well(stub, distill, record, expected):
    stub.tasks = [{"name": "ROOT", "type": "ROOT"}, record]
    lines = status_lines(stub, distill, {"state": "RUNNING"})
    assert lines == [expected, "Trainer waiting"]


def test_its_logs_are_found_by_the_pods_that_it_names(stub, distill):
    stub.tasks = [task("SUCCEEDED", DRIVER, EXECUTOR)]
    run_id = submitted(stub, distill)
    stub.logs["digits-x7k2p-22"] = "of the archive\n"
    assert "of the archive" in distill("logs", run_id)[1]
    stub.logs["digits-x7k2p-system-container-impl-22"] = "of the pod\n"
    assert "of the pod" in distill("logs", run_id)[1]


@pytest.mark.parametrize("template", ["system-container-impl", ""])
def test_the_log_of_a_node_is_found_by_pod_and_in_the_archive(stub, distill, template):
    run_id = submitted(stub, distill)
    stub.states = [run_state("RUNNING", {"ExampleGen": "running"})]
    stub.logs[argo_id(container("ExampleGen"), template)] = "epoch 1\n"
    assert distill("logs", run_id)[:2] == (0, "==> ExampleGen <==\nepoch 1\n")
    assert distill("logs", run_id, "--node", "ExampleGen")[1] == "epoch 1\n"


def test_the_log_of_a_failed_driver_is_the_drivers(stub, distill):
    run_id = submitted(stub, distill)
    stub.states = [run_state("FAILED", {"ExampleGen": "driver failed"})]
    name = argo_id(driver("ExampleGen"), "system-container-driver")
    stub.logs[name] = "F0301 12:00:03.1 1 main.go:85] no such bucket\n"
    _, out, _ = distill("logs", run_id, "--launcher")
    assert out.endswith("no such bucket\n")


LOG = (
    'time="2026-03-01T12:00:01" level=info msg="capturing logs" argo=true\n'
    "I0301 12:00:01.123456 14 launcher_v2.go:90] input ComponentSpec:{\n"
    "12:00:02 INFO distill: Trainer begins\n"
)


@pytest.mark.parametrize(("options", "number"), [((), 1), (("--launcher",), 3)])
def test_lines_of_the_launcher_are_left_out_unless_asked_for(
    stub, distill, options, number
):
    run_id = submitted(stub, distill)
    stub.states = [run_state("RUNNING", {"ExampleGen": "running"})]
    stub.logs[argo_id(container("ExampleGen"))] = LOG
    _, out, _ = distill("logs", run_id, "--node", "ExampleGen", *options)
    assert len(out.splitlines()) == number and out.endswith("Trainer begins\n")


def test_a_log_that_is_followed_is_printed_once_to_its_end(stub, distill, monkeypatch):
    run_id = submitted(stub, distill)
    node = {"ExampleGen": "running"}
    stub.states = [run_state("RUNNING", node)] * 3 + [run_state("SUCCEEDED", node)]
    name = argo_id(container("ExampleGen"))
    stub.logs[name] = "one\n"

    def sleep(_):
        stub.logs[name] = "one\ntwo\n"

    monkeypatch.setattr("tfx_distill.pipeline.commands.kubeflow_logs.time.sleep", sleep)
    _, out, _ = distill("logs", run_id, "--node", "ExampleGen", "--follow")
    assert out == "one\ntwo\n"

"""Old runs that nothing needs are found first, and deleted only when asked to."""

import json

import pytest
from kfp_stub import PIPELINE, keep
from kfp_workflow import argo_id, container, records

LOG = "12:00:03 INFO tfx_distill.components.pusher.executor: "
REFUSED, PUSHED = f"{LOG}Not pushed: margin\n", f"{LOG}Pushed version 17 to /s\n"


@pytest.fixture
def server(server, monkeypatch):
    monkeypatch.setenv("KF_PIPELINES_ENDPOINT", server.url)
    return server


@pytest.fixture
def add(stub, distill, tmp_path):
    """A function that adds a run which ended in a state; returns its ID."""
    file = tmp_path / "digits.yaml"
    file.write_text(PIPELINE.read_text().replace("Trainer", "Pusher"))
    assert distill("upload", file)[0] == 0
    (pipeline,) = stub.pipelines
    (version,) = stub.versions

    def run(state, pusher, **further):
        reference = {"pipeline_id": pipeline, "pipeline_version_id": version}
        details = records({"ExampleGen": "succeeded", "Pusher": pusher})
        fields = {"state": state, "run_details": {"task_details": details},
                  "display_name": state.lower(), "experiment_id": "e",
                  "pipeline_version_reference": reference, **further}  # fmt: skip
        return keep(stub.runs, "run_id", **fields)["run_id"]

    return run


def _found(distill, *options):
    status, out, err = distill("gc", "digits", "--json", *options)
    assert status == 0, err
    return [run["id"] for run in json.loads(out)["runs"]]


def test_failed_and_refused_runs_may_go_and_nothing_else(add, stub, distill):
    stub.logs[argo_id(container("Pusher"))] = REFUSED
    expected = {add("FAILED", "omitted"), add("CANCELED", "omitted"),
                add("SUCCEEDED", "succeeded")}  # fmt: skip
    add("RUNNING", "running")
    add("SUCCEEDED", "cached")
    assert set(_found(distill, "--keep", 0)) == expected
    assert len(stub.runs) == 5


def test_a_run_that_pushed_stays_even_if_it_failed_afterwards(add, stub, distill):
    stub.logs[argo_id(container("Pusher"))] = PUSHED
    add("SUCCEEDED", "succeeded")
    add("FAILED", "succeeded")
    assert _found(distill, "--keep", 0) == []


def test_a_run_whose_log_is_gone_stays(add, distill):
    add("SUCCEEDED", "succeeded")
    assert _found(distill, "--keep", 0) == []


def test_the_newest_runs_stay(add, distill):
    old, *newer = [add("FAILED", "omitted") for _ in range(3)]
    assert _found(distill, "--keep", 2) == [old]
    assert len(newer) == 2


def test_runs_are_deleted_and_what_remains_of_them_is_said(add, stub, distill):
    root = {"pipeline_root": "s3://bucket/root"}
    run = add("FAILED", "omitted", runtime_config=root)
    status, out, _ = distill("gc", "digits", "--keep", 0, "--delete")
    assert status == 0 and stub.runs == {}
    first, second = out.splitlines()
    assert first == f"deleted  {run}  failed    failed"
    assert f"artifacts stay in s3://bucket/root/digits/{run}/: http" in second
    assert second.endswith("give --metadata grpc://localhost:8080.")


def test_a_dry_run_says_how_to_delete(add, stub, distill):
    add("FAILED", "omitted")
    _, out, err = distill("gc", "digits", "--keep", 0)
    assert out.startswith("may go ") and err == "Add --delete to delete them.\n"
    assert len(stub.runs) == 1


def test_an_unknown_pipeline_is_an_error(stub, distill):
    status, _, err = distill("gc", "digit")
    assert status == 1 and "There is no pipeline digit on http" in err

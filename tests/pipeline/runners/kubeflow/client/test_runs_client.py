"""The commands for a Kubeflow server, against a stub that accepts only valid requests."""

import json
import pathlib

import kfp_stub
import pytest
import yaml
from kfp_stub import PIPELINE
from kfp_workflow import argo_id, container, run_state

DEFAULTS = {"data-dir": "/data", "epochs": 3, "options": {}, "shuffled": True}


GENERATING = run_state("RUNNING", {"ExampleGen": "running"})
TRAINING = run_state("RUNNING", {"ExampleGen": "succeeded", "Trainer": "driving"})
DONE = run_state("SUCCEEDED", {"ExampleGen": "succeeded", "Trainer": "succeeded"})


def test_submit_makes_pipeline_experiment_and_run_with_all_parameters(stub, distill):
    status, out, err = distill(
        "submit", PIPELINE, "--param", "epochs=5", "--param", 'options={"a": [1]}',
        "--run-name", "first", "--pipeline-root", "minio://bucket/root",
    )  # fmt: skip
    ((run_id, run),) = stub.runs.items()
    assert (status, err.splitlines()) == (
        0,
        ["Pipeline    digits, version digits (new)", "Experiment  digits"],
    )
    assert out.splitlines()[0] == f"Run         {run_id}"
    assert out.splitlines()[1].endswith(f"/#/runs/details/{run_id}")
    assert run["display_name"] == "first"
    assert run["runtime_config"] == {
        "parameters": {**DEFAULTS, "epochs": 5, "options": {"a": [1]}},
        "pipeline_root": "minio://bucket/root",
    }


@pytest.mark.parametrize(
    ("options", "expected"),
    [((), "s3://compiled/root"), (("--pipeline-root", "gs://given"), "gs://given")],
)
def test_a_run_is_told_the_pipeline_root_of_the_file(
    stub, distill, tmp_path, options, expected
):
    path = tmp_path / "digits.yaml"
    text = pathlib.Path(PIPELINE).read_text()
    path.write_text(f"defaultPipelineRoot: s3://compiled/root\n{text}")
    distill("submit", str(path), *options)
    (run,) = stub.runs.values()
    assert run["runtime_config"]["pipeline_root"] == expected


def test_the_same_file_is_the_same_version_another_is_a_new_one(
    stub, distill, tmp_path
):
    other = tmp_path / "other.yaml"
    other.write_text(PIPELINE.read_text().replace("/data", "/elsewhere"))
    stub.max_page_size = 1  # what is sought is on later pages
    for file, is_new in [(PIPELINE, True), (PIPELINE, False), (other, True)]:
        _, _, err = distill("submit", file)
        assert ("(new)" in err) is is_new
    distill("submit", PIPELINE)
    assert len(stub.pipelines) == len(stub.experiments) == 1
    assert len(stub.versions) == 2
    used = [r["pipeline_version_reference"] for r in stub.runs.values()]
    assert used[0] == used[1] == used[3] != used[2]


def test_submit_for_programs(stub, distill):
    status, out, _ = distill("submit", PIPELINE, "--experiment", "mine", "--json")
    result = json.loads(out)
    (experiment,) = stub.experiments.values()
    assert status == 0 and experiment["display_name"] == "mine"
    assert result["run_id"] in stub.runs and result["parameters"] == DEFAULTS
    assert result["state"] is None


def test_wait_shows_nodes_and_ends_with_success(stub, distill):
    stub.states = [{"state": "PENDING"}, GENERATING, TRAINING, DONE]
    status, _, err = distill("submit", PIPELINE, "--wait")
    assert status == 0
    assert [line.split() for line in err.splitlines()[2:]] == [
        ["[1/2]", "ExampleGen", "running"],
        ["[1/2]", "ExampleGen", "succeeded", "24", "s"],
        ["[2/2]", "Trainer", "preparing"],
        ["[2/2]", "Trainer", "succeeded", "24", "s"],
        ["Run", "succeeded."],
    ]


@pytest.mark.parametrize("state", ["FAILED", "CANCELED", "SKIPPED"])
def test_wait_ends_with_1_when_the_run_does_not_succeed(stub, distill, state):
    stub.states = [run_state(state, {})]
    status, _, err = distill("submit", PIPELINE, "--wait")
    assert (status, err.splitlines()[-1]) == (1, f"Run {state.lower()}.")


def test_wait_outlives_passing_failures(stub, distill):
    stub.states = [DONE]
    down = kfp_stub.Answer(503, "no healthy upstream", "text/plain")
    stub.answers["GET /apis/v2beta1/runs/"] = [down, down, down]
    assert distill("submit", PIPELINE, "--wait")[0] == 0


def test_wait_gives_up_when_the_failures_do_not_pass(stub, distill):
    stub.answers["GET /apis/v2beta1/runs/"] = kfp_stub.Answer(503, "gone")
    status, _, err = distill("submit", PIPELINE, "--wait")
    assert status == 1
    assert "failed (503). The server says: gone" in err.splitlines()[-1]


def test_a_file_of_an_earlier_version_can_still_be_submitted(stub, distill):
    file = pathlib.Path(__file__).parents[4] / "golden/kubeflow_before_tfx_distill.yaml"
    status, out, _ = distill("submit", file, "--param", "student_epochs=3", "--json")
    assert status == 0
    assert json.loads(out)["parameters"]["student_epochs"] == 3
    run_id = json.loads(out)["run_id"]
    nodes = [line.split()[0] for line in distill("status", run_id)[1].splitlines()[1:]]
    assert nodes[0] == "TfdsExampleGen" and nodes[-1] == "Pusher"


def submitted(stub, distill):
    distill("submit", PIPELINE)
    (run_id,) = stub.runs
    return run_id


def test_status_lists_nodes_in_the_pipelines_order(stub, distill):
    run_id = submitted(stub, distill)
    stub.states = [GENERATING]
    status, out, _ = distill("status", run_id)
    assert status == 0
    assert [line.split() for line in out.splitlines()[1:]] == [
        ["ExampleGen", "running"],
        ["Trainer", "waiting"],
    ]


def test_status_does_without_a_pipeline_that_was_deleted(stub, distill):
    run_id = submitted(stub, distill)
    stub.versions.clear()
    stub.states = [DONE]
    _, out, _ = distill("status", run_id)
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert names == ["ExampleGen", "Trainer"]


def test_status_of_a_failed_run_is_1(stub, distill):
    run_id = submitted(stub, distill)
    stub.states = [run_state("FAILED", {}, error={"code": 2, "message": "no quota"})]
    status, out, _ = distill("status", run_id, "--json")
    assert status == 1
    assert (json.loads(out)["state"], json.loads(out)["error"]) == (
        "FAILED",
        "no quota",
    )


def test_status_waits(stub, distill):
    run_id = submitted(stub, distill)
    stub.states = [GENERATING, GENERATING, DONE]
    status, out, err = distill("status", run_id, "--wait")
    assert status == 0 and "Run succeeded." in err and "succeeded" in out


def test_a_log_that_is_gone_is_one_line_with_kubectls_way(stub, distill):
    run_id = submitted(stub, distill)
    stub.states = [DONE]
    status, out, err = distill("logs", run_id, "--node", "Trainer")
    assert (status, out, len(err.splitlines())) == (1, "", 1)
    assert f"kubectl logs -c main -l pipeline/runid={run_id}" in err


def test_logs_of_an_unknown_node_name_those_that_there_are(stub, distill):
    run_id = submitted(stub, distill)
    status, _, err = distill("logs", run_id, "--node", "Tuner")
    assert status == 2 and "it has: ExampleGen, Trainer" in err


def test_several_users_need_a_namespace_which_every_request_carries(stub, distill):
    stub.health["multi_user"] = True
    status, _, err = distill("submit", PIPELINE)
    assert status == 2 and "Give --namespace" in err
    assert distill("submit", PIPELINE, "--namespace", "team")[0] == 0
    (experiment,) = stub.experiments.values()
    assert experiment["namespace"] == "team"
    lists = [
        q for m, p, q, _ in stub.requests if m == "GET" and p.endswith("pipelines")
    ]
    assert [query["namespace"] for query in lists] == ["team"]


def test_upload_runs_nothing(stub, distill):
    for is_new in (True, False):
        status, out, err = distill("upload", PIPELINE, "--json")
        assert status == 0 and ("(new)" in err) is is_new
    assert json.loads(out).keys() == {"pipeline_id", "version_id"}
    assert len(stub.versions) == 1 and not stub.runs and not stub.experiments


def test_runs_lists_the_newest(stub, distill):
    for name in ("one", "two", "three"):
        distill("submit", PIPELINE, "--run-name", name)
    stub.max_page_size = 1
    _, out, _ = distill("runs", "--limit", "2")
    assert [line.split()[0] for line in out.splitlines()] == ["NAME", "three", "two"]


@pytest.mark.parametrize(("verb", "sent"), [("stop", "terminate"), ("retry", "retry")])
def test_a_run_is_stopped_and_goes_on(stub, distill, verb, sent):
    run_id = submitted(stub, distill)
    assert distill(verb, run_id)[0] == 0
    method, path, *_ = stub.requests[-1]
    assert (method, path) == ("POST", f"/apis/v2beta1/runs/{run_id}:{sent}")


def test_the_names_of_pods_have_what_their_settings_add(stub, distill, tmp_path):
    file = tmp_path / "digits.yaml"
    spec, *platform = yaml.safe_load_all(PIPELINE.read_text())
    spec["root"]["dag"]["tasks"]["Trainer"]["retryPolicy"] = {"maxRetryCount": 1}
    label = spec["components"][
        spec["root"]["dag"]["tasks"]["Trainer"]["componentRef"]["name"]
    ]["executorLabel"]
    metadata = {"podMetadata": {"labels": {"a": "b"}, "annotations": {"c": "d"}}}
    executors = {"deploymentSpec": {"executors": {label: metadata}}}
    platform = {"platforms": {"kubernetes": executors}}
    file.write_text(yaml.safe_dump_all([spec, platform]))
    distill("submit", file)
    (run_id,) = stub.runs
    stub.states = [run_state("RUNNING", {"Trainer": "running"})]
    template = "metadata-1-1-retry-system-container-impl"
    stub.logs[argo_id(container("Trainer"), template)] = "epoch 1\n"
    assert distill("logs", run_id, "--node", "Trainer")[1] == "epoch 1\n"

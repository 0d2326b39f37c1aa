"""What the commands say of a real server's answers: by both readers, and in the page."""

import json
import pathlib
import re
import shlex

import kfp_stub
import kfp_task_records
import pytest
from kfp_workflow import argo_id

RECORDED = kfp_task_records.RECORDED
PAGE = pathlib.Path(__file__).parents[5] / "docs" / "kubeflow.md"
NODES = [
    "TfdsExampleGen", "StatisticsGen", "SchemaGen", "ExampleValidator", "AnomalyGate",
    "Teacher", "TeacherLogits", "DistillationTrainer", "Evaluator", "LiteConverter",
    "ServabilityValidator", "Pusher",
]  # fmt: skip
SCHEDULE = {
    "recurring_run_id": "0ef85491-2f36-41b9-b906-ed29882e21e9",
    "display_name": "nightly", "status": "ENABLED", "max_concurrency": "1",
    "created_at": "2026-11-28T16:00:00Z",
    "trigger": {"cron_schedule": {"cron": "0 0 2 * * *"}},
}  # fmt: skip


def _read(path):
    if not path.exists():
        pytest.skip(f"the server's recorded answers are not at {path}")
    return json.loads(path.read_text())


@pytest.fixture
def serve(stub, tmp_path, monkeypatch):
    """A function that has the server answer of a run as recorded; returns its ID."""
    monkeypatch.chdir(tmp_path)

    def serve(name, folder=RECORDED.parent):
        content = _read(folder / f"{name}.json")
        run = content.get("run", content)
        stub.runs[run["run_id"]] = run
        if "tasks" in content:
            stub.tasks = content["tasks"]["tasks"]
        version = run["pipeline_version_reference"]
        stub.pipelines[version["pipeline_id"]] = {**version, "display_name": "p"}
        stub.versions[version["pipeline_version_id"]] = {
            **version, "pipeline_spec": {"pipeline_spec": _spec()},
        }  # fmt: skip
        return run["run_id"]

    return serve


def _spec():
    """A pipeline of the recorded runs' nodes, one after the other."""
    names = zip(NODES, [[], *([name] for name in NODES)], strict=False)
    tasks = {n: {"componentRef": {"name": n}, "dependentTasks": d} for n, d in names}
    return {
        "pipelineInfo": {"name": "p"},
        "components": {name: {"executorLabel": name} for name in NODES},
        "deploymentSpec": {"executors": {}},
        "root": {"dag": {"tasks": tasks}},
    }


@pytest.mark.parametrize("name", ["succeeded", "task-failed", "image-missing"])
def test_both_readers_tell_the_same_states(serve, distill, name):
    told = []
    for folder in (RECORDED.parent, RECORDED):
        _, out, _ = distill("status", serve(name, folder), "--json")
        run = json.loads(out)
        told.append((run["state"], {n["name"]: n["state"] for n in run["nodes"]}))
    assert told[0] == told[1] and len(told[0][1]) == len(NODES)


def test_what_the_server_recorded_of_a_push_is_told(serve, distill):
    status, _, err = distill("status", serve("succeeded", RECORDED))
    pushed = (
        "Pushed version 1795887886 to pvc://distill-serving/smoke-digits/1795887886"
    )
    assert (status, err.splitlines()) == (0, ["Run succeeded.", pushed])


@pytest.mark.parametrize("node", ["Teacher", "Pusher"])
def test_both_readers_find_the_logs(serve, stub, distill, node):
    old = serve("succeeded")
    known = json.dumps(stub.runs[old])
    workflow = re.search(r"(smoke-digits-\w+)-\d+", known)[1]
    full = f"{workflow}(0).root(0).{node}(0).executor(0)"
    digits = argo_id(full).rpartition("-")[2]
    assert f"{workflow}-{digits}" in known  # it is the record's own name of it
    stub.logs[f"{workflow}-{digits}"] = f"of {node}\n"
    new = serve("succeeded", RECORDED)
    pods = next(task for task in stub.tasks if task["name"] == node)["pods"]
    stub.logs[pods[1]["name"]] = f"of {node}\n"
    for run in (old, new):
        assert distill("logs", run, "--node", node)[:2] == (0, f"of {node}\n")


def _transcripts():
    """Commands with what they print, in the page."""
    for block in re.findall(r"^```text\n(\$ .*?)^```$", PAGE.read_text(), re.M | re.S):
        for command in re.split(r"^\$ ", block, flags=re.M)[1:]:
            line, _, printed = command.partition("\n")
            yield pytest.param(line.removeprefix("distill kubeflow "), printed, id=line)


@pytest.mark.parametrize(("command", "printed"), [*_transcripts()])
def test_outputs_in_the_page_are_those_of_the_commands(
    serve, stub, distill, command, printed
):
    pathlib.Path("pipeline.yaml").write_text(kfp_stub.PIPELINE.read_text())
    held, *_ = [serve(name) for name in ("image-missing", "cached", "running")]
    if "4e5889ef" in command:
        serve("driver-failed")
    if command == "schedules":  # it had the run started
        id_ = {"recurring_run_id": SCHEDULE["recurring_run_id"]}
        stub.runs[held] = {**stub.runs[held], **id_}
    stub.recurring[SCHEDULE["recurring_run_id"]] = dict(SCHEDULE)
    _, out, err = distill(*shlex.split(command))
    pattern = "(?:.*\n)+".join(map(re.escape, printed.split("...\n")))
    assert re.fullmatch(pattern, out + err), out + err


def _after(command):
    """A command in the page, and the block of text after it."""
    shell = rf"^```sh\n(distill kubeflow {command} .*?)^```\n\n```text\n(.*?)^```$"
    words, printed = re.search(shell, PAGE.read_text(), re.M | re.S).groups()
    words = shlex.split(words.replace("\\\n", ""))
    return words[2:], printed.splitlines()


@pytest.fixture
def smoke(server, serve, monkeypatch):
    """The page's `pipeline.yaml`; the server answers as it did of its run."""
    spec = _spec() | {
        "pipelineInfo": {"name": "smoke-digits"},
        "schemaVersion": "2.1.0",
    }
    epochs = {"parameterType": "NUMBER_INTEGER", "defaultValue": 12}
    spec["root"]["inputDefinitions"] = {"parameters": {"student_epochs": epochs}}
    container = {"image": "registry.example.org/tfx-distill:1.0"}
    executors = {name: {"container": container} for name in NODES}
    spec["deploymentSpec"] = {"executors": executors}
    run = serve("succeeded")
    pathlib.Path("pipeline.yaml").write_text(json.dumps(spec))
    monkeypatch.setattr(server.stub, "post_runs", lambda **_: server.stub.runs[run])
    return lambda printed: printed.replace(server.url, "http://localhost:8080")


def test_a_run_that_was_submitted_is_told_as_in_the_page(smoke, distill):
    command, told = _after("submit")
    _, out, err = distill(*command)
    assert sorted(told) == sorted(smoke(out + err).splitlines())


def test_a_schedule_that_was_made_is_told_as_in_the_page(smoke, stub, distill):
    stub.post_recurringruns = lambda body, **_: {**SCHEDULE, **body}
    distill("upload", "pipeline.yaml")
    command, told = _after("schedule")
    _, out, err = distill(*command)
    days = r"\w{3} \d{4}-\d\d-\d\d"

    def without_days(lines):
        return sorted(re.sub(days, "DAY", line) for line in lines)

    assert without_days(told) == without_days(smoke(out + err).splitlines())


def test_lines_of_what_goes_wrong_are_those_of_recorded_answers(serve, distill):
    told = ""
    for name in ("image-missing", "driver-failed", "task-failed", "secret-missing"):
        told += "".join(distill("status", serve(name))[1:])
    table = PAGE.read_text().partition("| Problem | Line |\n")[2].partition("\n\n")[0]
    lines = re.findall(r"\| `(.*?)` \|", table)
    assert len(lines) == 6 and [line for line in lines if line not in told] == []

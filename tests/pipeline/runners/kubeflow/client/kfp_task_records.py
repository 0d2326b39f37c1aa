"""A run as a server without ML Metadata keeps it, and the same run in ML Metadata.

The small run is made by the rules seen on a real server; `recorded` is its answers.
"""

import datetime
import json
import pathlib
import re
import uuid

import metadata_stores
import pytest

from tfx_distill.components.checks import Check
from tfx_distill.components.evaluator.verdict import Verdict

RECORDED = pathlib.Path(__file__).parents[6] / "shared" / "cases" / "kfp" / "after-mlmd"
PIPELINE = "digits"
VERSION = "1795887886"
START = datetime.datetime(2026, 3, 1, 12, 0, tzinfo=datetime.timezone.utc)
_SCHEMA = "_kfp_schema_title"
_CHECK = Check(name="gate.margin", slice="overall", bound=-0.02, value=-0.01, ok=True)
_VERDICT = Verdict(
    blessed=True, reasons=(), checks=(_CHECK,), split="test", num_examples=360,
    student={"overall": {"accuracy": 0.97}}, teacher={"overall": {"accuracy": 0.98}},
)  # fmt: skip
# Node, its inputs as `node.output`, and type and metadata of its outputs.
_NODES = {
    "ExampleGen": ({}, {"examples": ("tfx.Examples", {"dataset": "digits"})}),
    "ExampleValidator": (
        {"examples": "ExampleGen.examples"},
        {"anomalies": ("tfx.ExampleAnomalies", {"blessed": {"test": 1}})},
    ),
    "Teacher": (
        {"examples": "ExampleGen.examples"}, {"model": ("tfx.Model", {})},
    ),
    "DistillationTrainer": (
        {"examples": "ExampleGen.examples", "teacher_model": "Teacher.model"},
        {"model": ("tfx.Model", {"num_parameters": 8954, "share": 0.5})},
    ),
    "LiteConverter": (
        {"model": "DistillationTrainer.model"},
        {"lite_models": ("distill_artifacts.LiteModels", {})},
    ),
    "Evaluator": (
        {"examples": "ExampleGen.examples", "baseline_model": "Teacher.model",
         "model": "DistillationTrainer.model"},
        {"blessing": ("tfx.ModelBlessing",
                      {"blessed": 1, "verdict": _VERDICT.summary()})},
    ),
    "Pusher": (
        {"model": "DistillationTrainer.model", "model_blessing": "Evaluator.blessing"},
        {"pushed_model": ("tfx.PushedModel",
                          {"pushed": 1, "pushed_version": VERSION})},
    ),
}  # fmt: skip


def id_of(name):
    return str(uuid.uuid5(uuid.NAMESPACE_URL, name))


class Records:
    """A run, its tasks and their artifacts, as the server answers."""

    def __init__(self, run, tasks):
        self.run, self.tasks = run, tasks
        linked = [
            (task, part == "outputs", item["artifact_key"], artifact)
            for task in tasks
            for part in ("inputs", "outputs")
            for item in task[part].get("artifacts", ())
            for artifact in item["artifacts"]
        ]
        self.artifacts = {a["artifact_id"]: a for _, _, _, a in linked}
        self.artifact_tasks = [
            {
                "id": id_of(f"{task['task_id']} {key}"),
                "artifact_id": artifact["artifact_id"],
                "run_id": task["run_id"],
                "task_id": task["task_id"],
                "key": key,
                "type": "OUTPUT" if is_output else "TASK_OUTPUT_INPUT",
            }
            for task, is_output, key, artifact in linked
        ]

    @property
    def nodes(self):
        nodes = [task for task in self.tasks if task["type"] != "ROOT"]
        return sorted(nodes, key=lambda task: (task["create_time"], task["task_id"]))

    def serve(self, stub):
        """Makes a stub of a server have them."""
        run = self.run["run_id"]
        others = [task for task in stub.tasks or () if task["run_id"] != run]
        stub.tasks = [*others, *self.tasks]
        stub.artifacts = {**stub.artifacts, **self.artifacts}
        others = [link for link in stub.artifact_tasks if link["run_id"] != run]
        stub.artifact_tasks = [*others, *self.artifact_tasks]
        stub.runs[self.run["run_id"]] = self.run
        id_ = self.run["pipeline_version_reference"]["pipeline_id"]
        stub.pipelines[id_] = {"pipeline_id": id_, "display_name": PIPELINE}

    def store(self, path):
        """A store of ML Metadata as KFP's driver and launcher write it, and its ids."""
        writer = metadata_stores.Writer(path, kubeflow=True, pipeline=PIPELINE)
        writer.run(self.run["run_id"])
        ids = {}
        for artifact in sorted(
            self.artifacts.values(), key=lambda a: (a["created_at"], a["artifact_id"])
        ):
            metadata = dict(artifact.get("metadata", {}))
            title = re.search(r"title: (\S+)", metadata.pop(_SCHEMA, ""))
            ids[artifact["artifact_id"]] = writer.artifact(
                title[1] if title else "system.Artifact", artifact["uri"],
                display_name=artifact["name"], **metadata,
            )  # fmt: skip
        states = {"SUCCEEDED": "COMPLETE"}
        for task in self.nodes:
            inputs, outputs = (
                [
                    (item["artifact_key"], ids[artifact["artifact_id"]])
                    for item in task[part].get("artifacts", ())
                    for artifact in item["artifacts"]
                ]
                for part in ("inputs", "outputs")
            )
            state = states.get(task["state"], task["state"])
            ids[task["task_id"]] = writer.execute(
                task["name"], inputs, outputs, state, display_name=task["name"]
            )
        return writer.path, ids

    def artifact(self, node, key):
        """The ID of a node's output."""
        (task,) = (task for task in self.tasks if task["name"] == node)
        (item,) = (i for i in task["outputs"]["artifacts"] if i["artifact_key"] == key)
        return item["artifacts"][0]["artifact_id"]


def small(failed=None, cached=(), run="run", cached_from="run"):
    """The run of a small pipeline, whole or up to a node that failed."""

    def artifact(node, key):
        return _artifact(node, key, cached_from if node in cached else run)

    run_id = id_of(run)
    record = {
        "run_id": run_id,
        "display_name": "digits 2026-03-01 12:00:00",
        "created_at": _text(START),
        "pipeline_version_reference": {
            "pipeline_id": id_of("pipeline"), "pipeline_version_id": id_of("version"),
        },
        "state": "FAILED" if failed else "SUCCEEDED",
    }  # fmt: skip
    tasks = [_task(run_id, "ROOT", 0, record["state"], {}, {}, type="ROOT")]
    for index, (node, (reads, makes)) in enumerate(_NODES.items(), 1):
        state = "FAILED" if node == failed else "SUCCEEDED"
        state = "CACHED" if node in cached else state
        inputs = {key: artifact(*source.split(".")) for key, source in reads.items()}
        outputs = {key: artifact(node, key) for key in makes}
        logs = {"executor-logs": artifact(node, "executor-logs")}
        outputs = logs if node == failed else {**logs, **outputs}
        tasks.append(_task(run_id, node, index, state, inputs, outputs))
        if node == failed:
            break
    return Records(record, tasks)


def recorded(name="succeeded"):
    """What a real server answered."""
    path = RECORDED / f"{name}.json"
    if not path.exists():
        pytest.skip(f"the server's recorded answers are not at {path}")
    content = json.loads(path.read_text())
    return Records(content["run"], content["tasks"]["tasks"])


def _task(run_id, name, index, state, inputs, outputs, type="RUNTIME"):
    begin = START + datetime.timedelta(seconds=30 * index)
    return {
        "task_id": id_of(f"task {run_id} {name}"), "run_id": run_id, "name": name,
        "display_name": name, "type": type, "state": state,
        "create_time": _text(begin),
        "end_time": _text(begin + datetime.timedelta(seconds=20)),
        "inputs": {"artifacts": _listed(inputs)} if inputs else {},
        "outputs": {"artifacts": _listed(outputs)} if outputs else {},
        "pods": [{"type": "EXECUTOR", "name": f"digits-system-container-impl-{index}"}],
    }  # fmt: skip


def _listed(artifacts):
    return [{"artifact_key": k, "artifacts": [a]} for k, a in artifacts.items()]


def _artifact(node, key, run):
    kind, metadata = _NODES[node][1].get(key, (None, {}))
    index = list(_NODES).index(node) + 1
    made = START + datetime.timedelta(seconds=30 * index + 20)
    schema = {_SCHEMA: f"title: {kind}\ntype: object\n"} if kind else {}
    return {
        "artifact_id": id_of(f"{run} {node} {key}"), "name": key, "type": "Artifact",
        "uri": f"minio://mlpipeline/v2/artifacts/{PIPELINE}/{id_of(run)}/{node}/{key}",
        "created_at": _text(made), "metadata": {**metadata, **schema},
    }  # fmt: skip


def _text(moment):
    return moment.isoformat().replace("+00:00", "Z")

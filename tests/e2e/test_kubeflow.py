"""The compiled pipeline, rehearsed task by task, held against a local run."""

import json
import pathlib
import runpy

import planted
import pytest
from cluster import Cluster, of_kind
from runs import Place

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    return Cluster(tmp_path_factory.mktemp("cluster"))


@pytest.fixture(scope="module")
def first(cluster):
    """The first rehearsal's result. Its pods get secrets of the user's environment."""
    cluster.environment = planted.SECRETS
    secrets = [
        {"name": "planted", "key": name.lower(), "env": name}
        for name in planted.SECRETS
    ]
    process = cluster.compile(f"kubeflow.secrets={json.dumps(secrets)}", *planted.HOOK)
    assert process.returncode == 0, process.stderr
    assert "student_epochs = 12" in process.stdout
    process = cluster.rehearse("--json")
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def test_no_secret_is_in_what_is_compiled_and_rehearsed(cluster, first):
    assert all(name in cluster.file.read_text() for name in planted.SECRETS)
    assert planted.found(cluster.folder, *cluster.said) == set()


def _states(result):
    return {task: value["state"] for task, value in result["tasks"].items()}


def test_the_student_is_the_local_runs(cluster, first, tmp_path):
    process = Place(tmp_path).run()
    assert process.returncode == 0, process.stderr
    local = json.loads(process.stdout)["student"]["accuracy"]
    assert cluster.accuracy(first) == pytest.approx(local, abs=0.002)
    assert set(_states(first)) == set(json.loads(process.stdout)["nodes"])


def test_no_path_of_this_machine_is_recorded(cluster, first):
    recorded = json.dumps(list(first["artifacts"].values()))
    assert str(cluster.folder) not in recorded
    assert '": "/' not in recorded


def test_what_is_pushed_is_in_the_bucket_and_on_the_volume(cluster, first):
    (pushed,) = of_kind(first, "tfx.PushedModel")
    assert first["pushed"] == pushed
    claim, _, version = pushed["metadata"]["pushed_destination"].partition(
        "://distill-serving/smoke-digits/"
    )
    assert claim == "pvc"
    folder = cluster.work / "volumes" / "distill-serving" / "smoke-digits" / version
    for name in ("saved_model.pb", "variables/variables.index"):
        stored = next(cluster.path(pushed["uri"]).rglob(name))
        assert stored.read_bytes() == (folder / name).read_bytes()


def test_kfps_page_has_something_to_draw(cluster, first):
    made = {(a["task"], a["key"]): a for a in first["artifacts"].values()}
    metrics = made["Evaluator", "metrics"]["metadata"]
    assert metrics["student_accuracy"] == pytest.approx(cluster.accuracy(first))
    assert made["ServabilityValidator", "metrics"]["metadata"]["teacher_bytes"] > 0
    matrix = made["Evaluator", "confusion_matrix"]["metadata"]["confusionMatrix"]
    counts = [row["row"] for row in matrix["struct"]["rows"]]
    right = sum(row[label] for label, row in enumerate(counts))
    assert right / sum(map(sum, counts)) == pytest.approx(metrics["student_accuracy"])
    page = cluster.path(made["Evaluator", "report"]["uri"]).read_text()
    assert "Confusions of the student" in page and str(cluster.folder) not in page


def test_logs_are_readable_and_kept(cluster, first):
    log = pathlib.Path(first["run_dir"], "DistillationTrainer", "log.txt").read_text()
    assert "INFO tfx_distill.trainer.progress: training the student: epoch 12/12" in log
    assert "FutureWarning" not in log
    assert "succeeded after" in log.splitlines()[-1]
    assert list((cluster.work / "bucket").rglob("executor-logs"))


def test_another_gate_asks_again_and_pushes_nothing(cluster, first):
    assert cluster.compile("gate.min_accuracy=0.999").returncode == 0
    process = cluster.rehearse()
    assert process.returncode == 0, process.stderr
    assert "Student NOT blessed. Nothing was pushed." in process.stdout
    assert "gate.min_accuracy: 0." in process.stdout
    assert "must be at least 0.9990" in process.stdout
    versions = cluster.work / "volumes" / "distill-serving" / "smoke-digits"
    assert len([path for path in versions.iterdir() if path.name.isdigit()]) == 1
    # Nothing before the gate is asked anew.
    for task in ("TfdsExampleGen", "Teacher", "DistillationTrainer"):
        assert f"{task:<20} cached" in process.stderr


def test_a_run_parameter_trains_another_student(cluster, first):
    assert cluster.compile().returncode == 0
    process = cluster.rehearse("--json", "--param", "student_epochs=3")
    result = json.loads(process.stdout)
    assert _states(result)["TeacherLogits"] == "cached"
    assert _states(result)["DistillationTrainer"] == "ran"
    (student,) = [
        artifact
        for artifact in of_kind(result, "tfx.Model")
        if artifact["task"] == "DistillationTrainer"
    ]
    card = next(cluster.path(student["uri"]).rglob("model_card.json"))
    assert json.loads(card.read_text())["config"]["student"]["epochs"] == 3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--param", "student_epoch=3"], "there is no 'student_epoch'"),
        (["--param", "student_epochs=many"], "received 'many', expected NUMBER_INTEGER"),
        (["--param", "student_epochs=0"],
         "DistillationTrainer ended with status 1: student.epochs must be an integer >= 1"),
        (["--param", "student_epochs=2", "--pipeline-root", "file://here"],
         "must begin with"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(cluster, first, options, message):
    process = cluster.rehearse(*options)
    assert process.returncode in (1, 2)
    assert message in process.stderr
    assert "Traceback" not in process.stderr


def test_compiling_takes_little_more_than_importing_tfxs_compiler(capsys):
    path = pathlib.Path(__file__).parents[2] / "benchmarks" / "kubeflow_compile.py"
    script = runpy.run_path(str(path))
    script["main"](["--config", "smoke", "--smoke"])
    result = json.loads(capsys.readouterr().out)
    assert result["ratio"] < 1.3

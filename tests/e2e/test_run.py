"""Whole runs by the command, as a person starts them, on `digits`."""

import json
import pathlib
import re
import signal
import subprocess

import numpy as np
import planted
import pytest
import python_page
import rest_answers
from runs import Place

from tfx_distill.pipeline.report.collect import raw_records

pytestmark = pytest.mark.e2e

BEFORE_THE_STUDENT = (
    "TfdsExampleGen",
    "ModelCheck",
    "StatisticsGen",
    "SchemaGen",
    "ExampleValidator",
    "AnomalyGate",
    "Teacher",
    "TeacherLogits",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("runs"))


@pytest.fixture(scope="module")
def first(place):
    """The first run's process and result."""
    place.environment.update(planted.SECRETS)
    process = place.run_anew(*planted.HOOK)
    assert process.returncode == 0, process.stderr
    return process, json.loads(process.stdout)


def _cached(result):
    return [node for node, value in result["nodes"].items() if value["cached"]]


def test_a_run_says_what_it_pushed(place, first):
    _, result = first
    assert (result["dataset"], result["blessed"]) == ("digits", True)
    assert result["pushed"] == str(place.serving_dir / place.versions()[0])
    assert result["student"]["parameters"] < 10_000 < result["teacher"]["parameters"]
    assert result["student"]["accuracy"] > 0.7
    assert _cached(result) == []


def test_no_secret_is_in_what_a_run_leaves(place, first):
    process, _ = first
    assert "The webhook was not told" in process.stderr
    assert len(planted.SECRETS) == 20
    assert planted.found(place.folder, process.stdout, process.stderr) == set()


def test_a_run_says_how_quick_both_models_are(first):
    _, result = first
    for model in (result["teacher"], result["student"]):
        assert all(model["latency"][size]["median_ms"] > 0 for size in ("1", "64"))


def test_the_pushed_version_holds_the_litert_files(first):
    _, result = first
    folder = pathlib.Path(result["pushed"], "assets.extra", "lite")
    for lite in result["lite"]:
        name = pathlib.Path(lite["path"]).name
        assert (folder / name).stat().st_size == lite["bytes"]
    assert [lite["flavour"] for lite in result["lite"]] == ["float32", "int8"]


def test_library_noise_goes_to_the_log_and_progress_to_the_terminal(place, first):
    process, _ = first
    assert "[13/13] Pusher" in process.stderr
    assert re.search(r"epoch \d+/12  accuracy", process.stderr)
    for noise in ("Warning", "WARNING", "INFO", "TF_", "cuda"):
        assert noise not in process.stderr
    lines = process.stderr.replace("\r", "\n").splitlines()
    long = [line for line in lines if len(line) > 80]
    known = "Loading ", "Report ", "The webhook "
    assert all(line.strip().startswith(known) for line in long)
    (log,) = (place.folder / "logs").iterdir()
    assert "Going to run a new execution" in log.read_text()


def test_clients_that_send_examples_or_png_files_get_the_same_accuracy(first):
    _, result = first
    root = pathlib.Path(result["run_dir"]).parents[1]
    (examples,) = (root / "artifacts" / "TfdsExampleGen" / "examples").iterdir()
    records = list(raw_records.serialized(str(examples), "test"))
    images, labels = zip(*map(raw_records.image_and_label, records), strict=True)
    requests = [
        {"signature_name": name, "instances": list(map(rest_answers.b64, sent))}
        for name, sent in {"serving_default": records, "predict_files": images}.items()
    ]
    for answer in rest_answers.of(result["pushed"], *requests):
        classes = [row["class"] for row in answer["predictions"]]
        accuracy = np.mean(np.equal(classes, labels))
        assert accuracy == pytest.approx(result["student"]["accuracy"], abs=0.0005)


def test_the_same_command_again_takes_everything_from_the_cache(place, first):
    result = json.loads(place.run().stdout)
    assert _cached(result) == list(result["nodes"])
    assert result["pushed"] == first[1]["pushed"]
    assert len(place.versions()) == 1


def test_while_nothing_changes_its_result_is_shown_and_nothing_runs(place, first):
    runs = sorted((place.folder / "smoke-digits" / "runs").iterdir())
    command = [*place.command(), "--json"]
    process = subprocess.run(command, capture_output=True, text=True)
    assert "Nothing has changed since run " in process.stderr
    result = json.loads(process.stdout)
    assert (process.returncode, _cached(result)) == (0, list(result["nodes"]))
    assert result["run_id"] == runs[-1].name
    assert sorted((place.folder / "smoke-digits" / "runs").iterdir()) == runs
    ran = json.loads(place.run(options=("--no-shortcut", "--json")).stdout)
    assert result | {"nodes": {}} == ran | {"nodes": {}, **_of_run(result)}
    assert _cached(ran) == _cached(result)


def _of_run(result):
    return {key: result[key] for key in ("run_id", "run_dir")}


def test_a_run_keeps_when_each_of_its_parts_worked(place, first):
    command = [*place.command(name="runs"), "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    spans = json.loads(done.stdout)[-1]["timeline"]
    parts = {(one["inside"], one["name"]) for one in spans}
    inside = "reading", "training", "export"
    for node in ("Teacher", "DistillationTrainer"):
        assert {("", node), *((node, part) for part in inside)} <= parts
    assert {("", "loading"), ("Evaluator", "analysis")} <= parts
    seconds = {one["name"]: one["seconds"] for one in spans if not one["inside"]}
    for node, value in first[1]["nodes"].items():
        assert seconds[node] == value["seconds"]


def test_a_dry_run_says_what_a_run_would_do_and_does_nothing(place, first):
    runs = sorted((place.folder / "smoke-digits" / "runs").iterdir())
    plan = json.loads(place.run(options=("--dry-run", "--json")).stdout)
    assert [one["node"] for one in plan["nodes"]] == list(first[1]["nodes"])
    assert all(one["cached"] and one["seconds"] > 0 for one in plan["nodes"])
    process = place.run("distillation.temperature=3", options=("--dry-run",))
    rows = re.findall(r"^ +(\w+) +(run|come from the cache) ", process.stdout, re.M)
    assert [node for node, would in rows if would != "run"] == [*BEFORE_THE_STUDENT]
    assert "5 of 13 nodes would run" in process.stdout
    assert sorted((place.folder / "smoke-digits" / "runs").iterdir()) == runs


def test_a_run_ends_after_the_node_that_was_named_and_profiles_its_training(
    place, first
):
    versions = place.versions()
    options = ("--until", "DistillationTrainer", "--profile", "--json")
    process = place.run("student.seed=5", "student.epochs=3", options=options)
    assert process.returncode == 0, process.stderr
    nodes = list(json.loads(process.stdout)["nodes"])
    assert nodes == [*BEFORE_THE_STUDENT, "DistillationTrainer"]
    folder = place.folder / "smoke-digits" / "artifacts"
    assert list((folder / "DistillationTrainer" / "model_run").rglob("*.xplane.pb"))
    assert f"Profiles: tensorboard --logdir {folder}" in process.stderr
    assert place.versions() == versions
    wrong = place.run(options=("--until", "Nowhere"))
    assert wrong.returncode == 2
    assert "There is no node Nowhere. The nodes of this run: Tfds" in wrong.stderr


@pytest.fixture(scope="module")
def told(place, first, tmp_path_factory):
    """What the code of the page for Python tells; it runs another temperature, too."""
    script = tmp_path_factory.mktemp("page") / "page.py"
    python_page.write(script, place)
    process = place.script(script)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout.splitlines()[-1])


def test_another_temperature_trains_the_student_only(place, told):
    assert told["cached"] == list(BEFORE_THE_STUDENT)
    assert len(place.versions()) == 2


def test_the_page_for_python_runs_and_its_frames_tell_what_the_command_tells(
    first, told
):
    _, result = first
    assert told["accuracy"] == pytest.approx([result["student"]["accuracy"]] * 2)
    assert told["model"] == result["student"]["path"]
    assert (told["again"], told["lineage"]) == (1.0, list(result["nodes"]))


def test_a_student_below_its_bound_is_not_pushed(place, first):
    versions = place.versions()
    process = place.run("gate.min_accuracy=1", options=())
    assert process.returncode == 3
    assert "Student NOT blessed. Nothing was pushed." in process.stdout
    assert "gate.min_accuracy: 0." in process.stdout
    assert "must be at least 1.0000: 0.0" in process.stdout
    assert place.versions() == versions


def test_a_student_over_its_budget_is_not_pushed(place, first):
    versions = place.versions()
    process = place.run("servability.max_parameters=8953", options=())
    assert process.returncode == 3
    reason = "servability.max_parameters: 8,954 overall, must be at most 8,953: 1 over"
    assert reason in process.stdout
    assert place.versions() == versions
    explain = place.command(name="explain")
    told = subprocess.run(explain, capture_output=True, text=True).stdout
    (row,) = (line for line in told.splitlines() if line.startswith("FAILED"))
    assert "servability.max_parameters" in row
    assert row.replace(",", "").split()[-3:] == ["8954", "≤", "8953"]


def test_the_first_version_comes_back_at_the_top(place, first):
    place.run("distillation.temperature=2")
    versions = place.versions()
    first_version = pathlib.Path(first[1]["pushed"]).name
    command = [*place.command(name="rollback"), first_version, "--reason", "a test"]
    process = subprocess.run([*command, "--json"], capture_output=True, text=True)
    done = json.loads(process.stdout)
    assert str(done["rolled_back_to"]) == first_version
    assert place.versions() == [*versions, str(done["version"])]
    result = json.loads(place.run().stdout)
    assert result["newest"] == done["pushed"]
    # Nor does the student that was rolled back come again by itself.
    versions = place.versions()
    again = json.loads(place.run("distillation.temperature=2").stdout)
    assert _cached(again) == list(again["nodes"])
    assert place.versions() == versions


def test_a_margin_that_the_test_cannot_resolve_is_refused_before_anything_runs(
    place, first
):
    process = place.run("gate.margin=0.005", options=())
    assert process.returncode == 2
    assert "gate.margin is 0.005, and the test split has 360 images" in process.stderr
    assert "[1/13]" not in process.stderr


def test_a_new_student_is_compared_with_the_one_that_serves(place, first):
    process = place.run("student.seed=3")
    result = json.loads(process.stdout)
    version = pathlib.Path(result["served"]["uri"]).name
    assert result["served"]["version"] == version
    assert version in place.versions()
    assert result["served"]["low"] < result["served"]["difference"]
    again = json.loads(place.run("student.seed=3").stdout)
    assert _cached(again) == list(again["nodes"])


def test_ctrl_c_while_training_leaves_nothing_and_the_next_run_goes_on(place, first):
    versions = place.versions()
    slow = ("student.epochs=2000", "student.seed=7")
    with subprocess.Popen(
        place.command(*slow), stderr=subprocess.PIPE, text=True, env=place.environment
    ) as process:
        for line in process.stderr:
            if "training the student: epoch 2/" in line:
                second = place.run("student.seed=8")
                process.send_signal(signal.SIGINT)
                break
        rest = process.stderr.read()
    assert process.returncode == 1
    assert "Stopped by SIGINT. Nothing was pushed" in rest
    assert second.returncode == 1
    assert f"Another run (process {process.pid} on " in second.stderr
    assert place.versions() == versions
    again = json.loads(place.run("student.seed=7").stdout)
    assert _cached(again) == list(BEFORE_THE_STUDENT)


def test_an_architecture_of_ones_own_is_used(place, first, tmp_path):
    (tmp_path / "my_models.py").write_text(
        "import keras\n"
        "def tiny(image_shape, num_classes):\n"
        "    return keras.Sequential([keras.Input(image_shape),\n"
        "        keras.layers.AveragePooling2D(2), keras.layers.Flatten(),\n"
        "        keras.layers.Dense(num_classes)])\n"
    )
    own = Place(place.folder)
    own.working_dir = tmp_path
    result = json.loads(own.run("student.model=my_models.tiny").stdout)
    assert result["student"]["parameters"] == 14 * 14 * 10 + 10


def test_without_mnist_and_network_a_run_says_so_and_goes_on_with_digits(tmp_path):
    place = Place(tmp_path)
    place.environment.pop("DISTILL_MANUAL_DIR", None)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        place.environment[name] = "http://127.0.0.1:9"
    process = place.run("data.dataset=mnist", options=())
    assert process.returncode == 0
    assert "NOTICE" in process.stderr
    assert "Its numbers are NOT MNIST's." in process.stderr
    assert process.stdout.startswith("digits 1.0.0, 360 test images")
    assert not (tmp_path / "smoke-mnist").exists()
    forbidden = place.run("data.dataset=mnist", options=("--no-substitute",))
    assert forbidden.returncode == 1
    assert "Error: " in forbidden.stderr
    assert "NOTICE" not in forbidden.stderr

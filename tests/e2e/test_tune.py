"""A search by the command, and a run with what it found."""

import json
import pathlib
import subprocess

import pytest
from runs import Place

pytestmark = pytest.mark.e2e

SEARCH = (
    "teacher.epochs=4",
    "student.epochs=2",
    "tuning.max_trials=2",
    "tuning.epochs=1",
    "tuning.algorithm=random",
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("tune"))


@pytest.fixture(scope="module")
def searched(place):
    """The first search's process and result."""
    process = _command(place.command(*SEARCH, name="tune"), "--json")
    assert process.returncode == 0, process.stderr
    return process, json.loads(process.stdout)


def _command(words, *options):
    return subprocess.run([*words, *options], capture_output=True, text=True)


def _student(result):
    card = pathlib.Path(result["student"]["path"], "assets.extra", "model_card.json")
    return json.loads(card.read_text())["config"]


def test_a_search_ranks_its_trials_and_says_how_to_use_the_best(searched):
    process, result = searched
    ran = [trial for trial in result["ranking"] if trial["status"] == "completed"]
    assert len(ran) == 2
    assert ran[0]["objective"] >= ran[1]["objective"]
    assert all(trial["parameters"] <= 10_000 for trial in ran)
    assert "tuning: trial 2/2: 0." in process.stderr
    assert result["freeze"].endswith(f"hyperparameters={result['hyperparameters']}")
    assert not any(pathlib.Path(result["run_dir"]).parents[1].glob("tuning/*"))


def test_a_frozen_result_makes_the_student_and_is_cached(place, searched):
    _, search = searched
    by_id = f"hyperparameters={search['hyperparameters']}"
    result = json.loads(place.run(*SEARCH[:2], by_id).stdout)
    student = _student(result)
    best = search["ranking"][0]["values"]
    assert student["student"]["batch_size"] == best["student.batch_size"]
    temperature = best["distillation.temperature"]
    assert student["distillation"]["temperature"] == temperature
    widths = [best[f"student.options.widths.{place}"] for place in range(3)]
    assert student["student"]["options"]["widths"] == widths
    assert student["student"]["epochs"] == 2
    assert result["nodes"]["TeacherLogits"]["cached"]
    again = json.loads(place.run(*SEARCH[:2], by_id).stdout)
    assert again["nodes"]["DistillationTrainer"]["cached"]


def test_a_search_within_the_run_is_the_same_search(place, searched):
    result = json.loads(place.run(*SEARCH).stdout)
    assert result["nodes"]["DistillationTuner"]["cached"]
    values = searched[1]["ranking"][0]["values"]
    assert _student(result)["student"]["batch_size"] == values["student.batch_size"]


def test_a_file_of_values_is_taken_and_equal_files_are_cached(place, tmp_path):
    for name, text in (
        ("one.yaml", "student.batch_size: 32\ndistillation: {temperature: 2}"),
        ("other.json", '{"distillation.temperature": 2, "student.batch_size": 32}'),
    ):
        (tmp_path / name).write_text(text)
        file = f"hyperparameters={tmp_path / name}"
        result = json.loads(place.run(*SEARCH[:2], file).stdout)
        assert _student(result)["student"]["batch_size"] == 32
    assert result["nodes"]["DistillationTrainer"]["cached"]


@pytest.mark.parametrize(
    ("given", "status", "message"),
    [
        ("9999", 1, "9999 is not an artifact of the pipeline smoke-digits"),
        ("1", 1, "1 is an artifact of type Examples, expected HyperParameters"),
        ("nowhere.txt", 2, "file nowhere.txt cannot be read"),
    ],
)
def test_what_is_no_result_of_a_search_is_refused(
    place, searched, given, status, message
):
    process = place.run(f"hyperparameters={given}")
    assert process.returncode == status
    assert message in process.stderr
    assert "Traceback" not in process.stderr

"""Every way of distilling, switched on by configuration alone, as whole runs."""

import json
import pathlib
import runpy
import subprocess

import pytest
from runs import Place

pytestmark = pytest.mark.e2e

ROOT = pathlib.Path(__file__).resolve().parents[2]
QUICK = ("teacher.epochs=4", "student.epochs=4")
RECIPE = {
    "optimizer": "{name: adamw, weight_decay: 0.01, global_clipnorm: 1, beta_1: 0.8}",
    "warmup_share": "0.2",
    "label_smoothing": "0.05",
    "early_stopping": "{patience: 3, restore_best_weights: true, monitor: val_loss}",
    "augmentation": "[{name: RandomErasing, factor: 0.2}, {name: MixUp, alpha: 0.2}]",
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return Place(tmp_path_factory.mktemp("options"))


def _run(place, *sets):
    process = place.run(*QUICK, *sets)
    assert process.returncode in (0, 3), process.stderr
    return json.loads(process.stdout)


def test_ensemble_assistant_schedules_and_control_together(place):
    result = _run(
        place,
        "ensemble.size=2",
        "assistant={epochs: 2}",
        "distillation.temperature_end=1",
        "control=true",
        "seeds=2",
    )
    nodes = set(result["nodes"])
    assert {"Teacher2", "TeacherEnsemble", "Assistant", "Control2"} <= nodes
    assert result["teacher"]["parameters"] == 2 * 225_034
    assert result["headroom"]["num_examples"] > 0
    comparison = result["comparison"]
    assert comparison["num_examples"] == 360
    assert len(comparison["seeds"]) == 2
    assert comparison["low"] <= comparison["difference"] <= comparison["high"]
    assert "against labels alone" in comparison["conclusion"]
    script = runpy.run_path(str(ROOT / "benchmarks" / "seeds.py"))
    scored = script["measure"](place.folder / "smoke-digits", None)
    accuracies = [student["accuracy"] for student in scored["students"]]
    assert accuracies == pytest.approx(
        [seed["accuracy"] for seed in comparison["seeds"]]
    )


def test_features_of_named_layers(place):
    result = _run(place, "distillation.features=[{teacher: conv_2, student: conv_3}]")
    card = pathlib.Path(result["student"]["path"], "assets.extra", "model_card.json")
    features = json.loads(card.read_text())["config"]["distillation"]["features"]
    assert [pair["teacher"] for pair in features] == ["conv_2"]
    assert result["student"]["parameters"] == 8_954


def test_another_student_never_runs_the_teacher_again(place):
    _run(place, "student.seed=1")
    result = _run(place, "student.options.widths=[4, 8, 16]")
    again = [node for node, value in result["nodes"].items() if not value["cached"]]
    gates = ["Evaluator", "LiteConverter", "ServabilityValidator"]
    assert again == ["ModelCheck", "DistillationTrainer", *gates, "Pusher"]


def test_a_teacher_that_exists_already_is_not_trained(place):
    trained = _run(place, "student.seed=1")["teacher"]
    file = pathlib.Path(trained["path"], "assets.extra", "model.keras")
    result = _run(place, f"teacher.from={file}", "lite.flavours=[]")
    assert "TeacherSource" in result["nodes"]
    assert result["teacher"]["accuracy"] == trained["accuracy"]
    shown = subprocess.run(
        place.command(name="explain"), capture_output=True, text=True
    )
    assert "imported from" in shown.stdout and "SHA-256" in shown.stdout


def test_quantization_aware_epochs(place):
    result = _run(place, "student.quantization_aware_epochs=2")
    assert result["student"]["parameters"] == 8_954
    card = pathlib.Path(result["student"]["path"], "assets.extra", "model_card.json")
    assert len(json.loads(card.read_text())["history"]["loss"]) == 4
    accuracies = {lite["flavour"]: lite["accuracy"] for lite in result["lite"]}
    assert accuracies["float32"] == pytest.approx(result["student"]["accuracy"], 1e-6)
    assert accuracies["int8"] >= accuracies["float32"] - 0.02


def test_all_settings_of_a_training_together_and_no_litert_files(place):
    sets = [f"{m}.{k}={v}" for m in ("teacher", "student") for k, v in RECIPE.items()]
    sets += ["teacher.class_weight=balanced", "student.balanced_sampling=true"]
    result = _run(place, "views.fresh=true", "lite.flavours=[]", *sets)
    assert result["pushed"] and result["student"]["accuracy"] > 0.8
    for role in ("teacher", "student"):
        card = pathlib.Path(result[role]["path"], "assets.extra", "model_card.json")
        recipe = json.loads(card.read_text())["config"][role]
        assert recipe["optimizer"]["beta_1"] == 0.8
        assert set(recipe) >= RECIPE.keys()
    assert result["lite"] == []
    assert "LiteConverter" not in result["nodes"]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("student.optimizer=sdg", "Unknown student.optimizer.name sdg. Did you mean SGD?"),
        ("teacher.augmentation=[RandomFlp]", "RandomFlp. Did you mean RandomFlip?"),
        ("tuning.space.student.optimizer.choices=[adam, sdg]", "Did you mean SGD?"),
    ],
)  # fmt: skip
def test_a_name_that_nobody_knows_ends_the_run_before_any_training(
    place, given, message
):
    process = place.run(given)
    assert process.returncode == 2, process.stderr
    assert process.stderr.rstrip().splitlines()[-1].endswith(message)
    assert "Teacher" not in process.stderr

"""What a report gathers of a run: whole, refused, failed."""

import dataclasses

import numpy as np
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb
from small_runs import RUN, SmallRun, collected, write_json

from tfx_distill.pipeline.inspection import explanation
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.report import html, report_data, writer
from tfx_distill.pipeline.report.charts import search_charts
from tfx_distill.trainer.errors import DistillError
from tfx_distill.trainer.evaluation import headroom
from tfx_distill.trainer.tuning.trials import Trial, Trials


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return collected(SmallRun(tmp_path_factory.mktemp("whole")).write())


def test_nothing_is_missing_of_a_whole_run(whole):
    assert whole.missing == {}


def test_the_outcome_is_what_was_pushed(whole):
    assert whole.outcome.state == report_data.PUSHED
    assert whole.outcome.pushed_to == "/s/1"
    assert [(gate.name, gate.has_blessed) for gate in whole.gates] == [
        ("Quality", True)
    ]


def test_models_have_accuracy_size_and_history(whole):
    teacher, student = whole.models
    assert (teacher.role, student.role) == ("teacher", "student")
    assert (teacher.accuracy.value, student.accuracy.value) == (0.875, 0.75)
    assert (student.parameters, student.bytes) == (100, 2000)
    assert student.history["val_accuracy"] == [0.5, 0.875]


def test_logits_from_probabilities_are_said(whole, tmp_path):
    note = "The teacher predicts probabilities. Distillation used their logarithms"
    assert note not in html.run_page(whole)
    small = SmallRun(tmp_path).write()
    logits = small.artifact(
        "tfx_distill.TeacherLogits", teacher_outputs="probabilities"
    )
    small.execution("TeacherLogits", {}, {"teacher_logits": logits})
    assert note in html.run_page(collected(small))


def test_the_difference_is_paired(whole):
    (pair,) = whole.differences
    assert pair.interval.value == -0.125
    assert (pair.only_first, pair.only_second) == (1, 2)


def test_images_that_differ_are_shown_with_both_answers(whole):
    assert whole.disagreements == 3
    lost = whole.images[0]
    assert (lost.name, lost.total) == ("Only the teacher is correct", 2)
    shown = lost.images[0]
    assert (shown.index, shown.label) == (2, "c0")
    assert (shown.teacher.name, shown.student.name) == ("c0", "c1")
    assert shown.student.probability == pytest.approx(0.8)


def test_classes_are_counted_from_the_records(whole):
    (balance,) = whole.data.balances
    assert balance.exact
    assert dict(balance.counts) == {"c0": 3, "c1": 3, "c2": 2}


def test_a_refusal_says_why(tmp_path):
    report = collected(SmallRun(tmp_path).write(blessed=False))
    assert report.outcome.state == report_data.REFUSED
    bound = "gate.min_accuracy: 0.7500 overall, must be at least 0.9000: 0.1500 short"
    assert report.outcome.reasons == (bound, "its signatures do not agree")
    page = html.run_page(report)
    # The table of bounds tells the first: each refusal is told once.
    assert "<li>its signatures do not agree</li>" in page
    assert bound not in page


def test_what_the_pusher_refuses_by_itself_says_why(tmp_path):
    small = SmallRun(tmp_path).write()
    refusal = "the model was changed"
    pushed = small.artifact("PushedModel", pushed=0, reason=refusal)
    small.execution("Pusher", {}, {"pushed_model": pushed})
    outcome = collected(small).outcome
    assert (outcome.state, outcome.reasons) == (report_data.BLESSED, (refusal,))


def test_a_failed_run_names_the_node(tmp_path):
    small = SmallRun(tmp_path).write(blessed=False, state=pb.Execution.FAILED)
    report = collected(small)
    assert report.outcome.state == report_data.FAILED
    assert "failed at Pusher" in report.outcome.headline


def test_a_run_that_has_not_begun_is_a_page_too(tmp_path):
    report = collected(SmallRun(tmp_path))
    assert report.outcome.state == report_data.UNDECIDED
    assert "The run recorded no configuration." in html.run_page(report)


def test_a_search_that_is_complete_is_neither_good_nor_bad(tmp_path):
    small = SmallRun(tmp_path)
    found = small.artifact("TunerResults")
    Trials(algorithm="random", max_parameters=99, trials=()).save(found.uri)
    small.execution("DistillationTuner", {}, {"tuner_results": found})
    report = collected(small)
    assert report.outcome.headline == (
        "The search is complete. It trains and pushes no student."
    )
    page = html.run_page(report)
    assert 'class="verdict open"' in page and "✗" not in page.partition("</h2>")[0]


def test_a_search_is_shown_ranked(tmp_path):
    small = SmallRun(tmp_path).write()
    found = small.artifact("TunerResults")
    trials = [
        Trial(
            id=id_,
            status="completed",
            values={"x": value, "student.optimizer": name, "same": 1},
            parameters=50,
            objective=objective,
        )
        for id_, value, name, objective in (
            ("1", 2, "sgd", 0.5),
            ("2", 0.123456, "adam", 0.9),
        )
    ]
    Trials(algorithm="random", max_parameters=99, trials=tuple(trials)).save(found.uri)
    small.execution("DistillationTuner", {}, {"tuner_results": found})
    report = collected(small)
    assert [trial.id for trial in report.search.ranking()] == ["2", "1"]
    page = html.run_page(report)
    assert "x=0.1235" in page
    assert "Trials by size and accuracy" in page
    charts = search_charts.slices(report.search)
    assert [chart.title for chart in charts] == ["student.optimizer", "x"]
    assert [chart.rows for chart in charts] == [
        (("best", "adam", "0.9000"), ("other trials", "sgd", "0.5000")),
        (("best", "0.1235", "0.9000"), ("other trials", "2", "0.5000")),
    ]
    assert all(chart.drawing in page for chart in charts)


def test_the_second_gate_brings_latency(tmp_path):
    small = SmallRun(tmp_path).write()
    blessing = small.artifact("InfraBlessing")
    times = {"1": {"median_ms": 0.5, "p95_ms": 0.75}}
    cost = {"parameters": 100, "bytes": 2000, "latency": times}
    check = {
        "name": "servability.max_bytes",
        "slice": "overall",
        "bound": 1000,
        "value": 2000,
        "ok": False,
        "at_most": True,
    }
    verdict = {
        "blessed": False,
        "reasons": ["too big"],
        "checks": [check],
        "student": cost,
        "teacher": cost,
    }
    write_json(blessing.uri, "verdict.json", verdict)
    small.execution("ServabilityValidator", {}, {"blessing": blessing})
    report = collected(small)
    assert report.costs["student"].latency["1"]["p95_ms"] == 0.75
    text = html.run_page(report)
    assert "≤ 1,000" in text
    assert "Latency of a request of 1 image" in text


def test_controls_are_numbered_and_have_their_accuracy(tmp_path):
    small = SmallRun(tmp_path).write()
    found = small.artifact("ControlComparison")
    paired = {"difference": 0.25, "low": 0.1, "high": 0.4, "p_value": 0.01}
    counts = {"only_first": 3, "only_second": 1}
    seed = {"accuracy": 0.75, "reference_accuracy": 0.5, **paired, **counts}
    comparison = {
        "seeds": [seed],
        **paired,
        "num_examples": 8,
        "conclusion": "It helped.",
    }
    write_json(found.uri, "comparison.json", comparison)
    for node in ("Control", "Control2"):
        control = small.artifact("Model")
        small._model(control, "control")
        small.execution(node, {}, {"model": control})
    small.execution("ControlComparison", {}, {"comparison": found})
    report = collected(small)
    names = {model.name: model.accuracy for model in report.models}
    assert names["control"].value == 0.5
    assert names["control 2"] is None
    assert report.conclusion == "It helped."


def test_a_teacher_that_has_little_to_teach_is_told(tmp_path):
    small = SmallRun(tmp_path).write()
    control = small.artifact("Model", headroom=0)
    small._model(control, "control")
    correct = np.array([True, False] * 4)
    headroom.save(control.uri, {"teacher": correct, "control": correct})
    small.execution("Control", {}, {"model": control})
    report = collected(small)
    assert "There is little to teach" in report.headroom
    assert "Does distillation pay?" in html.run_page(report)
    store = read_only_store.open_store(small.config)
    (told,) = explanation.explain(store, RUN).effect
    assert told == report.headroom


def test_the_page_is_written_into_the_folder_of_the_newest_run(tmp_path):
    SmallRun(tmp_path).write()
    newest = SmallRun(tmp_path, name="20260102-000000-000000").write(blessed=False)
    path = writer.write_run(newest.config)
    assert path == newest.run_dir / "report.html"
    assert "The student was rejected." in path.read_text()
    assert [file.name for file in newest.run_dir.iterdir() if "part" in file.name] == []


def test_a_run_is_found_by_the_beginning_of_its_name(tmp_path):
    small = SmallRun(tmp_path).write()
    output = tmp_path / "deep" / "x.html"
    assert writer.write_run(small.config, RUN[:8], output) == output


def test_a_file_that_cannot_be_written_is_one_line(tmp_path):
    small = SmallRun(tmp_path).write()
    (tmp_path / "file").write_text("")
    with pytest.raises(DistillError, match="cannot be written .*--output"):
        writer.write_run(small.config, None, tmp_path / "file" / "x.html")


def test_runs_are_compared_in_pairs_on_the_same_images(tmp_path):
    first = SmallRun(tmp_path).write()
    second = SmallRun(tmp_path, name="20260102-000000-000000").write()
    (second.run_dir / "config.yaml").write_text("data: {dataset: other}\nk: 1")
    output = tmp_path / "c.html"
    writer.write_comparison(first.config, [first.name, second.name], output)
    text = output.read_text()
    assert "data.dataset" in text
    assert "<code>k</code>" not in text
    assert f"B {second.name} − A" in text


def test_a_run_is_not_compared_with_itself(tmp_path):
    small = SmallRun(tmp_path).write()
    with pytest.raises(DistillError, match="two or more different runs"):
        writer.write_comparison(small.config, [RUN, RUN], tmp_path / "c.html")


def test_content_is_frozen(whole):
    with pytest.raises(dataclasses.FrozenInstanceError):
        whole.split = "other"


def test_no_picture_or_style_is_fetched(whole):
    text = html.run_page(whole)
    assert "http:" not in text.replace("http://www.w3.org", "")
    assert "https:" not in text

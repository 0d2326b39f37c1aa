"""What `distill runs`, `artifacts`, `show`, `lineage`, `explain` and `diff` print."""

import json
import subprocess
import sys

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.components.checks import Check
from tfx_distill.components.evaluator.verdict import Verdict
from tfx_distill.pipeline import cli
from tfx_distill.trainer.errors import DistillError


@pytest.fixture(params=["local", "kubeflow"])
def writer(request, tmp_path):
    return metadata_stores.Writer(
        tmp_path / "m.sqlite", kubeflow=request.param != "local"
    )


def _invoke(writer, *arguments):
    arguments = [*arguments, "--metadata", str(writer.path)]
    result = CliRunner().invoke(cli.cli, arguments, env={"COLUMNS": "120"})
    if result.exception is not None:
        raise result.exception
    return result.output


def _json(writer, *arguments):
    return json.loads(_invoke(writer, *arguments, "--json"))


def _two_runs(writer, tmp_path):
    """One that was pushed, then one that was refused."""
    first = writer.distill("run-1", tmp_path, config="student: {epochs: 3, seed: 0}")
    second = writer.distill(
        "run-2", tmp_path, config="student: {epochs: 4, seed: 0}", blessed=0, pushed=0
    )
    metadata_stores.verdict(tmp_path / "blessing" / "run-1", blessed=True)
    metadata_stores.verdict(tmp_path / "blessing" / "run-2", blessed=False)
    return first, second


def test_runs_say_what_changed_and_what_came_of_it(writer, tmp_path):
    _two_runs(writer, tmp_path)
    second, first = _json(writer, "runs")
    assert second["changed"] == {"student.epochs": [3, 4]}
    assert (second["blessed"], second["student_accuracy"]) == (False, 0.91)
    assert second["pushed_version"] == ""
    assert (first["blessed"], first["pushed_version"], first["changed"]) == (
        True, "170", None
    )  # fmt: skip
    text = _invoke(writer, "runs")
    assert "student.epochs: 3 → 4" in text
    assert "teacher 0.9950, student 0.9100: NOT blessed" in text
    assert "pushed as 170" in text


def test_the_last_run_of_a_list_is_compared_with_one_beyond_it(writer, tmp_path):
    _two_runs(writer, tmp_path)
    (only,) = _json(writer, "runs", "--limit", "1")
    assert only["changed"] == {"student.epochs": [3, 4]}


def test_a_failed_run_says_where_and_why(writer):
    writer.run("run-1", failed_node="Teacher", error="Teacher: the loss is nan.")
    writer.execute("Teacher", state="FAILED")
    (run,) = _json(writer, "runs")
    assert (run["state"], run["failed_node"]) == ("FAILED", "Teacher")
    text = _invoke(writer, "explain")
    assert text.startswith("The run failed at Teacher.\n  Teacher: the loss is nan.")


def test_artifacts_of_a_run_and_type(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    found = _json(writer, "artifacts", "--run", "run-1", "--type", "model")
    assert [a["id"] for a in found] == [first["model"], first["teacher_model"]]
    newest = _json(writer, "artifacts", "--limit", "1")
    assert [a["type"] for a in newest] == ["PushedModel"]
    assert "Pusher" in _invoke(writer, "artifacts")


def test_show_opens_the_verdict(writer, tmp_path):
    _, second = _two_runs(writer, tmp_path)
    shown = _json(writer, "show", str(second["blessing"]))
    assert shown["producers"][0]["node"] == "Evaluator"
    assert shown["consumers"][0]["node"] == "Pusher"
    assert shown["payload"]["kind"] == "verdict"
    bounds = next(t for t in shown["payload"]["tables"] if t["title"] == "Bounds")
    assert bounds["rows"][0][:3] == ["FAILED", "gate.min_accuracy", "overall"]
    assert "0.9100" in _invoke(writer, "show", str(second["blessing"]))


def test_show_aligns_numbers_to_the_right(writer, tmp_path):
    _, second = _two_runs(writer, tmp_path)
    lines = _invoke(writer, "show", str(second["blessing"])).splitlines()
    header, _, first = lines[lines.index("Accuracy") + 1 :][:3]
    assert header.rstrip().endswith("  student") and first.rstrip().endswith("  0.9100")


def test_lineage_names_types_without_their_module(writer):
    writer.run("run-1")
    lite = writer.artifact("tfx_distill.LiteModels", "/x")
    writer.execute("LiteConverter", [], [("lite_models", lite)])
    assert f"\nLiteModels {lite}" in _invoke(writer, "lineage", str(lite), "--up")


def test_show_an_execution(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    shown = _json(writer, "show", "execution:3")
    assert shown["execution"]["node"] == "Student"
    assert {i["key"]: i["artifact"]["id"] for i in shown["inputs"]} == {
        "examples": first["examples"],
        "teacher_model": first["teacher_model"],
    }
    assert "writes model: Model" in _invoke(writer, "show", "execution:3")


def test_lineage_as_tree_dot_and_json(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    id_ = str(first["model"])
    text = _invoke(writer, "lineage", id_)
    up, down = text.split("Used for")
    assert "ExampleGen" in up and "Pusher" not in up
    assert "Pusher" in down and "ExampleGen" not in down
    dot = _invoke(writer, "lineage", id_, "--dot")
    assert f'  e3 -> a{id_} [label="model"];' in dot
    graph = _json(writer, "lineage", id_, "--up")
    assert [e["node"] for e in graph["executions"]] == [
        "ExampleGen",
        "Teacher",
        "Student",
    ]


def test_explain_a_refusal_lists_failed_bounds_first(writer, tmp_path):
    _two_runs(writer, tmp_path)
    text = _invoke(writer, "explain")
    lines = text.splitlines()
    assert lines[0] == "The student was NOT blessed and not pushed."
    assert lines[1] == "  its signatures do not agree"
    assert text.count("gate.min_accuracy") == 1
    assert "digits, fingerprint abc" in text
    assert "student.epochs: 3 → 4" in text
    assert len(lines) < 25
    (gate,) = _json(writer, "explain")["gates"]
    assert [check["ok"] for check in gate["checks"]] == [False, True]


def test_a_bound_that_failed_on_many_classes_is_told_once(writer, tmp_path):
    _, made = _two_runs(writer, tmp_path)
    checks = [
        {"name": "gate.min_class_accuracy", "slice": f"c{label}", "bound": 0.9,
         "value": label / 1000, "ok": label >= 900}
        for label in range(1000)
    ]  # fmt: skip
    folder = tmp_path / "blessing" / "run-2"
    metadata_stores.verdict(folder, blessed=False, checks=checks, reasons=[])
    text = " ".join(_invoke(writer, "explain").split())
    assert "NOT blessed, 0 of 1 bounds passed" in text
    assert text.count("gate.min_class_accuracy") == 1
    assert "c0 (900 of 1,000 failed) 0 ≥ 0.9000" in text
    shown = _invoke(writer, "show", str(made["blessing"]))
    assert "c39" in shown and "c40" not in shown
    assert "… and 960 more: --json" in shown


def test_explain_what_was_blessed_but_not_pushed(writer):
    writer.run("run-1")
    blessing = writer.artifact("ModelBlessing", blessed=1)
    writer.execute("Evaluator", [], [("blessing", blessing)])
    refused = writer.artifact("PushedModel", pushed=0, reason="of another model")
    writer.execute("Pusher", [("blessing", blessing)], [("pushed_model", refused)])
    found = _json(writer, "explain")
    assert found["conclusion"] == "The student was blessed but not pushed."
    assert found["reasons"] == ["of another model"]


@pytest.mark.parametrize("by", ["version", "run", "pushed_model", "model", "blessing"])
def test_explain_what_was_pushed_by_any_name(writer, tmp_path, by):
    first, _ = _two_runs(writer, tmp_path)
    what = {"version": "170", "run": "run-1"}.get(by) or str(first[by])
    found = _json(writer, "explain", what)
    assert found["conclusion"] == "Version 170 was pushed: it passed every gate."
    assert found["student"]["artifact"] == first["model"]
    assert found["teacher"]["artifact"] == first["teacher_model"]


def test_explain_says_who_rolled_back_and_why(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    what = {
        "rolled_back_by": "Ada", "reason": "misreads sevens", "rolled_back_to": "170",
        "rolled_back_from": "171",
    }  # fmt: skip
    again = writer.artifact("PushedModel", pushed=1, pushed_version="172", **what)
    writer.execute("Rollback", [("x", first["pushed_model"])], [("x", again)], **what)
    for asked in ("172", "170"):
        text = _invoke(writer, "explain", asked)
        assert "It serves again as version 172." in text
        assert "by Ada" in text and "misreads sevens" in text


def test_explain_of_what_is_no_model_is_refused(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    with pytest.raises(DistillError, match="is of type Examples, expected a model"):
        _invoke(writer, "explain", str(first["examples"]))


def test_explain_in_an_empty_store_is_one_line(writer):
    with pytest.raises(DistillError, match="No pipeline has run in this store yet"):
        _invoke(writer, "explain")


def test_diff_says_what_changed_and_which_nodes_ran_again(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    writer.run("run-3", config="student: {epochs: 3, seed: 1}")
    writer.execute("ExampleGen", [], [("examples", first["examples"])], state="CACHED")
    found = _json(writer, "diff", "run-1", "run-3")
    assert found["configuration"] == {"student.seed": [0, 1]}
    assert found["data"] == {}
    nodes = {n["node"]: n for n in found["nodes"]}
    assert nodes["ExampleGen"]["after"] == "CACHED"
    assert nodes["ExampleGen"]["same_outputs"]
    assert nodes["Student"]["after"] == "–"
    assert "student.seed: 0 → 1" in _invoke(writer, "diff", "run-1", "run-3")


def test_diff_gives_the_value_before_and_after(writer, tmp_path):
    _two_runs(writer, tmp_path)
    found = _json(writer, "diff", "run-1", "run-2")
    assert (found["before"], found["after"]) == ("run-1", "run-2")
    assert found["configuration"] == {"student.epochs": [3, 4]}
    results = {n: v for n, v in found["results"].items() if n != "seconds"}
    assert results == {
        "blessed": [True, False],
        "pushed_version": ["170", ""],
        "student_accuracy": [0.99, 0.91],
    }
    assert {n["node"]: n["same_outputs"] for n in found["nodes"]}["Student"] is False
    turned = _json(writer, "diff", "run-2", "run-1")
    assert turned["results"]["student_accuracy"] == [0.91, 0.99]


def test_diff_tells_other_data(writer):
    for name, fingerprint in (("run-1", "abc"), ("run-2", "def")):
        writer.run(name)
        made = {"dataset": "digits", "data_fingerprint": fingerprint}
        examples = writer.artifact("Examples", **made)
        writer.execute("ExampleGen", [], [("examples", examples)])
    found = _json(writer, "diff", "run-1", "run-2")
    assert found["data"] == {"data_fingerprint": ["abc", "def"]}
    assert found["configuration"] is None


def test_diff_tells_other_versions(writer, tmp_path):
    for name, version in (("run-1", "3.12"), ("run-2", "3.15")):
        writer.run(name, tfx_distill_version="0.1")
        extra = tmp_path / name / "Format-Serving" / "assets.extra"
        extra.mkdir(parents=True)
        card = json.dumps({"versions": {"keras": version}})
        (extra / "model_card.json").write_text(card)
        model = writer.artifact("Model", tmp_path / name, tfx_version="1.16")
        writer.execute("Student", [], [("model", model)])
    found = _json(writer, "diff", "run-1", "run-2")
    assert found["versions"] == {"keras": ["3.12", "3.15"]}


def test_markup_in_properties_is_text(writer):
    writer.run("run-1")
    artifact = writer.artifact("Model", note="[bold]not bold[/bold] [/]")
    writer.execute("Teacher", [], [("model", artifact)])
    assert "[bold]not bold[/bold] [/]" in _invoke(writer, "show", str(artifact))


def test_properties_command_no_terminal(writer):
    writer.run("run-1")
    artifact = writer.artifact("Model", "/x\x1b[2J", note="\x1b]0;title\x07")
    writer.execute("Teacher", [], [("model", artifact)])
    for command in (["show", str(artifact)], ["artifacts"], ["lineage", str(artifact)]):
        assert "\x1b" not in _invoke(writer, *command)


def test_a_verdict_that_cannot_be_read_is_said(writer, tmp_path):
    _two_runs(writer, tmp_path)
    (tmp_path / "blessing" / "run-2" / "verdict.json").write_text("{")
    found = _json(writer, "explain")
    assert found["reasons"] == [
        "Evaluator does not say why: its verdict.json cannot be read."
    ]


def test_bounds_of_a_verdict_elsewhere_are_those_of_ml_metadata(writer):
    check = Check(
        name="gate.margin", slice="overall", bound=-0.02, value=-0.01, ok=True
    )
    metrics = {"overall": {"accuracy": 0.97}}
    verdict = Verdict(blessed=True, reasons=(), checks=(check,), student=metrics)
    values = {"blessed": 1, "verdict": verdict.summary()}
    writer.run("run-1")
    blessing = writer.artifact("ModelBlessing", "minio://bucket/x", **values)
    writer.execute("Evaluator", [], [("blessing", blessing)])
    text = _invoke(writer, "explain")
    assert f"Evaluator {blessing}: blessed, 1 of 1 bounds passed" in text
    assert "passed  gate.margin  overall  -0.0100  ≥ -0.0200" in text
    assert "by the blessing's metadata; " in text
    assert _json(writer, "runs")[0]["student_accuracy"] == 0.97


def test_the_commands_load_no_tensorflow(writer, tmp_path):
    first, _ = _two_runs(writer, tmp_path)
    code = f"""
import sys
from click.testing import CliRunner
from tfx_distill.pipeline.cli import cli
for command in (["runs"], ["artifacts"], ["show", "{first["blessing"]}"],
                ["lineage", "1"], ["explain"], ["diff", "run-1", "run-2"]):
    result = CliRunner().invoke(cli, [*command, "--metadata", {str(writer.path)!r}])
    assert result.exit_code == 0, result.output
heavy = {{"tensorflow", "tfx", "keras", "apache_beam"}} & set(sys.modules)
assert not heavy, heavy
"""
    subprocess.run([sys.executable, "-c", code], check=True)

"""What recorded runs say of their time, on a terminal and as JSON."""

import json

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.inspection import timelines
from tfx_distill.trainer import timeline
from tfx_distill.trainer.timeline import Span

SPANS = [
    Span(name="loading", start_s=0.0, seconds=10.0),
    Span(name="Teacher", start_s=10.0, seconds=30.0),
    Span(name="reading", inside="Teacher", start_s=10.0, seconds=2.0),
    Span(name="reading", inside="Teacher", start_s=12.0, seconds=3.0),
    Span(name="training", inside="Teacher", start_s=15.0, seconds=20.0),
    Span(name="Pusher", start_s=40.0, seconds=0.1, cached=True),
]


def _runs(tmp_path, *arguments, **properties):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    writer.run("run-1", **properties)
    writer.execute("Teacher")
    writer.execute("Pusher", state="CACHED")
    words = ["runs", "--metadata", str(writer.path), *arguments]
    result = CliRunner().invoke(cli.cli, words, env={"COLUMNS": "100"})
    assert result.exception is None
    return result.output


def test_the_json_has_what_the_run_recorded(tmp_path):
    output = _runs(tmp_path, "--json", timeline=timeline.to_json(SPANS))
    (run,) = json.loads(output)
    assert [span["name"] for span in run["timeline"]] == [one.name for one in SPANS]
    assert run["timeline"][4] == {
        "name": "training", "inside": "Teacher", "start_s": 15.0, "seconds": 20.0,
        "cached": False,
    }  # fmt: skip


def test_the_terminal_shows_each_part_once_and_when_it_was(tmp_path):
    output = _runs(tmp_path, "--time", timeline=timeline.to_json(SPANS))
    lines = [line.strip() for line in output.splitlines()]
    assert "loading                        10.0 s  ━━━━━━━━" in lines
    assert "reading                       5.0 s          ────" in lines
    assert "Pusher                     from cache" in lines
    assert "training" not in _runs(tmp_path, timeline=timeline.to_json(SPANS))


@pytest.mark.parametrize(
    "text",
    ["", "{", "3", '[{"name": "a"}]', "[" * 5000, json.dumps([1, 2]),
     '[{"name": "a", "inside": "", "start_s": 1e999, "seconds": 1, "cached": 0}]'],
)  # fmt: skip
def test_without_a_sound_record_nodes_are_those_of_ml_metadata(tmp_path, text):
    (run,) = json.loads(_runs(tmp_path, "--json", timeline=text))
    found = {span["name"]: span["cached"] for span in run["timeline"]}
    assert found == {"Teacher": False, "Pusher": True}


def test_parts_of_one_name_in_a_node_are_one():
    parts = {(one.inside, one.name): one.seconds for one in timelines.summed(SPANS)}
    assert parts["Teacher", "reading"] == 5.0
    assert SPANS[2].seconds == 2.0

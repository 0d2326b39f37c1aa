"""A server without ML Metadata: its records are those that ML Metadata would have."""

import json

import kfp_task_records
import pytest
from click.testing import CliRunner
from kfp_task_records import PIPELINE, VERSION

from tfx_distill.pipeline import cli
from tfx_distill.trainer.errors import DistillError

_TIMES = ("created_ms", "updated_ms", "started_ms", "seconds", "timeline")
_RUNS = {
    "pushed": kfp_task_records.small,
    "cached": lambda: kfp_task_records.small(cached=["Teacher", "LiteConverter"]),
    "failed": lambda: kfp_task_records.small(failed="DistillationTrainer"),
    "recorded": kfp_task_records.recorded,
    "recorded-failed": lambda: kfp_task_records.recorded("task-failed"),
}


def _invoke(place, *arguments):
    arguments = [*arguments, "--metadata", str(place)]
    result = CliRunner().invoke(cli.cli, arguments, env={"COLUMNS": "120"})
    if result.exception is not None:
        raise result.exception
    return result.output


def _comparable(value, ids):
    """Without times and what only one of them knows, and with ML Metadata's ids."""
    if isinstance(value, dict):
        left_out = {*_TIMES}
        if str(value.get("type", "")).startswith("system.Container"):
            left_out.add("properties")
        content = {
            k: _comparable(v, ids) for k, v in value.items() if k not in left_out
        }
        if "events" in content:
            content["events"].sort(key=lambda event: sorted(map(str, event.values())))
        return content
    if isinstance(value, list):
        return [_comparable(item, ids) for item in value]
    if isinstance(value, float):
        return round(value, 6)  # as SQLite's backend keeps it
    return ids.get(value, value) if isinstance(value, str) else value


@pytest.fixture(params=_RUNS)
def records(request):
    return _RUNS[request.param]()


@pytest.fixture
def compared(server, tmp_path):
    """A function that returns what a command prints of the server, and of a store."""

    def compare(records, *arguments):
        path, ids = records.store(tmp_path / f"{len(list(tmp_path.iterdir()))}.sqlite")
        records.serve(server.stub)
        for_store = [_replaced(word, ids) for word in arguments]
        return [
            _comparable(json.loads(_invoke(place, *words, "--json")), ids)
            for place, words in ((server.url, arguments), (path, for_store))
        ]

    return compare


def _replaced(word, ids):
    before, colon, id_ = word.rpartition(":")
    return f"{before}{colon}{ids.get(id_, id_)}"


@pytest.mark.parametrize(
    "arguments", [["runs"], ["artifacts"], ["artifacts", "--logs"], ["explain"]]
)
def test_both_readers_tell_the_same_of_a_run(records, compared, arguments):
    here, there = compared(records, *arguments)
    assert here == there


def test_both_readers_tell_the_same_lineage_of_every_node(records, compared):
    for task in records.nodes[-2:]:
        here, there = compared(records, "lineage", f"execution:{task['task_id']}")
        assert here == there
        assert here["executions"]


@pytest.mark.parametrize("what", ["show", "lineage", "explain"])
@pytest.mark.parametrize(
    "key", [("DistillationTrainer", "model"), ("Pusher", "pushed_model")]
)
@pytest.mark.parametrize("kind", ["pushed", "recorded"])
def test_both_readers_tell_the_same_of_an_artifact(compared, what, key, kind):
    records = _RUNS[kind]()
    here, there = compared(records, what, records.artifact(*key))
    assert here == there


def test_a_run_is_told_as_it_was(server):
    kfp_task_records.small().serve(server.stub)
    (run,) = json.loads(_invoke(server.url, "runs", "--json"))
    assert (run["pipeline"], run["state"], run["nodes"]) == (PIPELINE, "COMPLETE", 7)
    assert (run["student_accuracy"], run["pushed_version"]) == (0.97, VERSION)
    assert (run["started_ms"], run["seconds"]) == (1772366400000, 230.0)


def test_ids_are_shown_by_their_beginning_which_commands_take(server):
    records = kfp_task_records.small()
    records.serve(server.stub)
    blessing = records.artifact("Evaluator", "blessing")
    assert f"Evaluator {blessing[:8]}: blessed, 1 of 1" in _invoke(
        server.url, "explain"
    )
    shown = json.loads(_invoke(server.url, "show", blessing[:8], "--json"))
    assert shown["artifact"]["id"] == blessing
    task = records.nodes[0]["task_id"]
    text = _invoke(server.url, "show", f"execution:{task[:8]}")
    assert text.startswith(f"execution:{task[:8]} ExampleGen  COMPLETE")


@pytest.mark.parametrize("id_", ["0badcafe", "execution:0badcafe", "12345678"])
def test_an_id_that_nothing_has_is_one_line(server, id_):
    kfp_task_records.small().serve(server.stub)
    with pytest.raises(DistillError, match="has no (artifact|execution) "):
        _invoke(server.url, "show", id_)


def test_long_lists_are_read_to_their_end(server):
    records = kfp_task_records.small()
    records.serve(server.stub)
    server.stub.max_page_size = 2
    arguments = ["artifacts", "--logs", "--limit", "99", "--json"]
    listed = json.loads(_invoke(server.url, *arguments))
    assert len(listed) == len(records.artifacts) == 14


def test_a_server_with_ml_metadata_is_told_from_one_without(server):
    kfp_task_records.small().serve(server.stub)
    server.stub.tasks = None
    with pytest.raises(DistillError, match="keeps its records in ML Metadata"):
        _invoke(server.url, "runs")


def test_an_answer_in_another_form_is_one_line(server):
    records = kfp_task_records.small()
    records.serve(server.stub)
    del records.nodes[2]["task_id"]
    with pytest.raises(DistillError, match="in a form that this version does not know"):
        _invoke(server.url, "explain")

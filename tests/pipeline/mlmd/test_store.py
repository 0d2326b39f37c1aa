"""Reading stores: of local runs and of Kubeflow, from a file and from a server."""

import dataclasses

import metadata_stores
import ml_metadata
import pytest
from ml_metadata import errors
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.trainer.errors import ConfigError, DistillError


@pytest.fixture(params=["file", "queries", "no-queries"], autouse=True)
def reader(request, monkeypatch):
    """Our own of a file; ml_metadata's with and without queries, as in TFX 1.21."""
    call = ml_metadata.MetadataStore._call

    def refusing(store, name, message, *rest):
        if getattr(getattr(message, "options", None), "filter_query", ""):
            raise errors.UnimplementedError("filter_query is not supported")
        return call(store, name, message, *rest)

    if request.param == "no-queries":
        monkeypatch.setattr(ml_metadata.MetadataStore, "_call", refusing)
    if request.param != "file":
        monkeypatch.setattr(read_only_store, "SqliteSource", _library)


def _library(path):
    return ml_metadata.MetadataStore(metadata_stores.connection(path))


@pytest.fixture(params=["local", "kubeflow"])
def writer(request, tmp_path):
    return metadata_stores.Writer(
        tmp_path / "m.sqlite", kubeflow=request.param != "local"
    )


def _open(writer):
    return read_only_store.open_store(None, str(writer.path))


@pytest.mark.attack
def test_students_tested_on_the_same_images_are_counted(writer, tmp_path):
    ids = []
    for number, (images, student) in enumerate(
        [("a", "x"), ("a", "y"), ("b", "x"), ("a", "x"), ("a", "z"), ("", "z")]
    ):
        writer.run(f"run-{number}")
        properties = {"test_images": images, "model_digest": student}
        blessing = writer.artifact("ModelBlessing", tmp_path, **properties)
        writer.execute("Evaluator", [], [("blessing", blessing)])
        ids.append(blessing)
    store = _open(writer)
    graph = store.graph_of_runs(store.runs(1))
    assert [graph.tested.get(id_) for id_ in ids] == [1, 2, 1, 2, 3, None]


def test_both_shapes_give_the_same_records(tmp_path):
    graphs = []
    for kubeflow in (False, True):
        writer = metadata_stores.Writer(
            tmp_path / f"{kubeflow}.sqlite", kubeflow=kubeflow
        )
        writer.distill("run-1")
        graphs.append(_open(writer).everything())
    local, cluster = (
        [
            dataclasses.replace(artifact, created_ms=0, updated_ms=0)
            for artifact in graph.artifacts.values()
        ]
        for graph in graphs
    )
    assert local == cluster
    assert local[2].properties == {"num_parameters": 12}
    nodes = [
        [(e.node, e.run, e.pipeline) for e in g.executions.values()] for g in graphs
    ]
    assert nodes[0] == nodes[1]
    assert nodes[0][1] == ("Teacher", "run-1", "demo")


def test_runs_are_the_newest_first(writer):
    for number in range(3):
        writer.distill(f"run-{number}")
    store = _open(writer)
    assert [run.name for run in store.runs(2)] == ["run-2", "run-1"]
    assert store.run("run-0").name == "run-0"


def test_a_run_is_found_by_its_beginning_if_that_is_one(writer):
    writer.run("20261124-1")
    writer.run("20261125-1")
    store = _open(writer)
    assert store.run("20261125").name == "20261125-1"
    with pytest.raises(DistillError, match="2 runs start with 2026112"):
        store.run("2026112")
    with pytest.raises(DistillError, match="has no run 9. The newest is 20261125-1"):
        store.run("9")


def test_an_artifact_from_the_cache_is_of_the_run_that_made_it(writer):
    made = writer.distill("run-1")
    writer.run("run-2")
    writer.execute("Teacher", [], [("model", made["teacher_model"])], state="CACHED")
    store = _open(writer)
    graph = store.graph_of_runs([store.run("run-2")])
    assert graph.artifacts[made["teacher_model"]].run == "run-1"
    assert [e.run for e in graph.executions.values()] == ["run-2"]


def test_lineage_goes_up_without_siblings(writer):
    made = writer.distill("run-1")
    other = writer.artifact("Model")
    writer.execute("Control", [("examples", made["examples"])], [("model", other)])
    graph = _open(writer).lineage(artifact_ids=[made["model"]], down=False)
    assert set(graph.artifacts) == {
        made["examples"], made["teacher_model"], made["model"]
    }  # fmt: skip
    assert [e.node for e in graph.executions.values()] == [
        "ExampleGen",
        "Teacher",
        "Student",
    ]


def test_lineage_goes_down_to_what_was_pushed(writer):
    made = writer.distill("run-1")
    graph = _open(writer).lineage(artifact_ids=[made["model"]], up=False)
    assert [e.node for e in graph.executions.values()] == ["Evaluator", "Pusher"]


def test_a_lineage_with_a_cycle_ends(writer):
    writer.run("run-1")
    artifact = writer.artifact("Model")
    writer.execute("Loop", [("model", artifact)], [("model", artifact)])
    graph = _open(writer).lineage(artifact_ids=[artifact])
    assert len(graph.executions) == 1


def test_a_lineage_that_is_too_large_is_cut_and_says_so(writer):
    made = writer.distill("run-1")
    graph = _open(writer).lineage(artifact_ids=[made["examples"]], max_nodes=3)
    assert graph.truncated
    assert len(graph.executions) < 5


def test_a_run_is_read_with_those_before_it(writer):
    for number in range(4):
        writer.run(f"run-{number}", config=f"c{number}")
    store = _open(writer)
    found = store.runs_from("run-2", 2)
    assert [run.properties["config"] for run in found] == ["c2", "c1"]
    assert store.runs_from("run-0", 2) == [store.run("run-0")]
    assert store.run_names() == ["run-3", "run-2", "run-1", "run-0"]


def test_pushes_about_a_version_are_its_own_and_all_rollbacks(writer, tmp_path):
    writer.run("run-1")
    back = {"rolled_back_by": "ann", "rolled_back_to": "1"}
    first, second, third, fourth = (
        writer.artifact("PushedModel", tmp_path, pushed=1, pushed_version=v, **more)
        for v, more in (("1", {}), ("2", {}), ("3", back), ("4", {}))
    )
    writer.execute("Pusher", [], [("pushed_model", second)])
    store = _open(writer)
    assert set(store.pushes_about(None).artifacts) == {third}
    assert set(store.pushes_about("2").artifacts) == {first, second, third}
    assert set(store.pushes_about(str(fourth)).artifacts) == {first, third, fourth}
    assert store.maker(second) == "run-1"


def test_artifacts_by_type_in_any_case(writer):
    made = writer.distill("run-1")
    graph = _open(writer).artifacts("modelBLESSING")
    assert set(graph.artifacts) == {made["blessing"]}
    with pytest.raises(
        DistillError, match="no artifact type Modell. It has: Examples,"
    ):
        _open(writer).artifacts("Modell")


def test_an_unknown_id_is_refused(writer):
    with pytest.raises(DistillError, match="has no artifact 77"):
        _open(writer).lineage(artifact_ids=[77])
    with pytest.raises(DistillError, match="has no execution 78"):
        _open(writer).lineage(execution_ids=[78])


def test_a_server_gives_what_the_file_gives(writer):
    writer.distill("run-1")
    with metadata_stores.served(writer.path) as address:
        store = read_only_store.open_store(None, address)
        assert store.everything() == _open(writer).everything()
        assert store.runs() == _open(writer).runs()


def test_a_server_that_is_not_there_is_one_line():
    with pytest.raises(
        DistillError, match="^grpc://127.0.0.1:9 does not answer"
    ) as info:
        read_only_store.open_store(None, "grpc://127.0.0.1:9")
    assert "\n" not in str(info.value)


@pytest.mark.parametrize(
    "place", ["grpc://", "grpc://host", "mysql://h/d", "http://h:1"]
)
def test_an_address_that_is_none_is_refused(place):
    with pytest.raises(ConfigError, match="expected"):
        read_only_store.open_store(None, place)


def test_looking_at_mysql_makes_no_database():
    settings = pb.ConnectionConfig()
    settings.mysql.host = "db"
    read_only_store._read_only(settings)
    assert settings.mysql.skip_db_creation

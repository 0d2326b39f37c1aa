"""Of the artifacts of runs that go, those that others need stay."""

import json

import kfp_task_records
import pytest
import s3_stub

pytestmark = pytest.mark.usefixtures("store_credentials")

OLD, NEW = kfp_task_records.id_of("old"), kfp_task_records.id_of("new")


@pytest.fixture
def bucket():
    with s3_stub.serving({}, may_delete=True) as server:
        yield server


@pytest.fixture
def serve(stub, bucket):
    """A function that has the server and the store keep runs, the oldest first."""

    def serve(*runs):
        for day, records in enumerate(runs, 1):
            records.run["created_at"] = f"2026-03-0{day}T12:00:00Z"
            records.serve(stub)
            for artifact in records.artifacts.values():
                place, _, key = artifact["uri"].removeprefix("minio://").partition("/")
                bucket.objects[place, f"{key}/data"] = b"12345"

    return serve


def _of_old(bucket):
    """What the store has of the old run, as `node/key`."""
    keys = (key.partition(f"/{OLD}/") for _, key in bucket.objects)
    return sorted(rest.removesuffix("/data") for _, found, rest in keys if found)


def _gc(distill, bucket, *options):
    options = ["--keep", 1, "--artifacts", bucket.url, *options]
    status, out, err = distill("gc", "digits", *options)
    assert status == 0, err
    return out


def _old(failed="DistillationTrainer"):
    return kfp_task_records.small(failed, run="old")


def _new(*cached):
    return kfp_task_records.small(cached=cached, run="new", cached_from="old")


def test_what_a_later_run_has_from_the_cache_stays(serve, stub, bucket, distill):
    serve(_old(), _new("ExampleGen"))
    before = len(bucket.objects)
    out = _gc(distill, bucket, "--delete")
    folder = f"minio://mlpipeline/v2/artifacts/digits/{OLD}/"
    assert out.splitlines() == [
        f"deleted  {OLD}  failed    digits 2026-03-01 12:00:00",
        f"  5 files, 0.0 MB, in {folder}; 2 stay, which others need",
    ]
    assert _of_old(bucket) == ["ExampleGen/examples", "ExampleGen/executor-logs"]
    assert len(bucket.objects) == before - 5 and list(stub.runs) == [NEW]


def test_all_goes_that_nobody_needs(serve, bucket, distill):
    serve(_old(), _new())
    assert "7 files, 0.0 MB, in" in _gc(distill, bucket, "--delete")
    assert _of_old(bucket) == []


def test_a_dry_run_deletes_nothing(serve, stub, bucket, distill):
    serve(_old(), _new())
    (row,) = json.loads(_gc(distill, bucket, "--json"))["runs"]
    assert row["files"]["bytes"] == 7 * 5 and row["files"]["kept"] == 0
    assert len(_of_old(bucket)) == 7 and len(stub.runs) == 2
    assert all(method != "DELETE" for method, _ in bucket.requests)


def test_what_a_blessing_rests_on_stays(serve, bucket, distill):
    serve(_old("Pusher"), _new())
    _gc(distill, bucket, "--delete")
    nodes = {key.partition("/")[0] for key in _of_old(bucket)}
    assert nodes == {"ExampleGen", "Teacher", "DistillationTrainer", "Evaluator"}


def _unfinished(new, monkeypatch):
    new.run["state"] = "RUNNING"


def _another_pipelines_store(new, monkeypatch):
    return "--artifacts", "http://127.0.0.1:9"


def _no_credentials(new, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "another")


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_unfinished, f"the run {NEW} has not ended"),
        (_another_pipelines_store, "cannot connect to http://127.0.0.1:9"),
        (_no_credentials, "ACCESS_DENIED"),
    ],
)
def test_where_nobody_knows_or_nobody_may_all_stays_and_is_told(
    serve, stub, bucket, distill, monkeypatch, change, why
):
    new = _new()
    serve(_old(), new)
    out = _gc(distill, bucket, "--delete", *(change(new, monkeypatch) or ()))
    assert "artifacts stay in " in out and why in out
    assert OLD not in stub.runs and len(_of_old(bucket)) == 7


def test_a_run_that_begins_meanwhile_may_have_them_from_the_cache(
    serve, stub, bucket, distill, monkeypatch
):
    serve(_old(), _new())
    delete = stub.delete_runs_one

    def another_begins(**which):
        stub.runs["later"] = {**stub.runs[NEW], "run_id": "later", "state": "RUNNING"}
        return delete(**which)

    monkeypatch.setattr(stub, "delete_runs_one", another_begins)
    out = _gc(distill, bucket, "--delete")
    assert "artifacts stay in" in out and "the run later began meanwhile" in out
    assert len(_of_old(bucket)) == 7


def test_a_store_that_does_not_know_the_runs_that_stay_decides_nothing(
    serve, bucket, distill, tmp_path
):
    path, _ = _old().store(tmp_path / "m.sqlite")
    serve(_old(), _new())
    out = _gc(distill, bucket, "--delete", "--metadata", path)
    assert f"nothing is recorded of {NEW}, a run that stays" in out
    assert len(_of_old(bucket)) == 7

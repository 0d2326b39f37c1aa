"""Logs that the server no longer has are read in the object store."""

import kfp_task_records
import pytest
import s3_stub
from kfp_workflow import run_state

pytestmark = pytest.mark.usefixtures("store_credentials")

LOG = (
    b"I0301 12:00:01.123456 14 launcher_v2.go:90] input ComponentSpec:{\n"
    b"12:00:02 ERROR distill: no image\n"
)
OURS = "12:00:02 ERROR distill: no image\n"


@pytest.fixture
def bucket():
    with s3_stub.serving({}) as server:
        yield server


def _store(bucket, records):
    """Puts each log into the object store."""
    for artifact in records.artifacts.values():
        if artifact["name"] == "executor-logs":
            place, _, key = artifact["uri"].removeprefix("minio://").partition("/")
            bucket.objects[place, key] = LOG


def _recorded():
    return kfp_task_records.recorded("task-failed"), "TfdsExampleGen"


def _small():
    return kfp_task_records.small(), "Teacher"


@pytest.mark.parametrize("made", [_recorded, _small])
def test_a_server_with_records_of_its_own_says_where_they_are(
    stub, bucket, distill, made
):
    records, node = made()
    records.serve(stub)
    _store(bucket, records)
    run = records.run["run_id"]
    options = ["--node", node, "--artifacts", bucket.url]
    assert distill("logs", run, *options) == (0, OURS, "")


@pytest.fixture
def after_its_pods(stub, tmp_path):
    """A run on a server with ML Metadata and no archive; its ID, and the store."""
    records = kfp_task_records.small()
    run = records.run["run_id"]
    ended = run_state("SUCCEEDED", {"ExampleGen": "succeeded"})
    stub.runs[run] = {**records.run, **ended}
    return records, run, records.store(tmp_path / "m.sqlite")[0]


def test_otherwise_ml_metadata_says_it(after_its_pods, bucket, distill):
    records, run, path = after_its_pods
    _store(bucket, records)
    options = ["--metadata", path, "--artifacts", bucket.url]
    assert distill("logs", run, *options) == (0, f"==> ExampleGen <==\n{OURS}", "")


def test_a_log_out_of_reach_is_told_with_the_reason(after_its_pods, distill):
    _, run, path = after_its_pods
    status, out, err = distill("logs", run, "--metadata", path)
    assert (status, out) == (1, "") and len(err.splitlines()) == 1
    assert "The logs are gone. minio://mlpipeline/v2/artifacts/" in err
    assert "executor-logs is not readable here: its store is not recorded." in err
    _, _, err = distill("logs", run, "--metadata", path, "--node", "ExampleGen")
    assert "not readable here" in err and "Or try: kubectl logs" in err


def test_without_the_records_their_options_are_named(after_its_pods, distill):
    _, run, _ = after_its_pods
    _, _, err = distill("logs", run, "--node", "ExampleGen")
    assert "Try --metadata and --artifacts, for the stored one." in err

"""Which artifacts are listed."""

import metadata_stores
import pytest

from tfx_distill.pipeline.inspection import listing
from tfx_distill.pipeline.mlmd import read_only_store


@pytest.mark.parametrize("run", [None, "run-1"])
def test_kubeflows_logs_are_left_out_unless_asked_for(tmp_path, run):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite", kubeflow=True)
    writer.run("run-1")
    model = writer.artifact("Model")
    log = {"type_name": "system.Artifact", "display_name": "executor-logs"}
    logs = [writer.artifact(**log) for _ in range(5)]
    writer.execute("Teacher", [], [("x", made) for made in (model, *logs)])
    store = read_only_store.open_store(None, str(writer.path))

    def ids(limit, with_logs):
        found = listing.newest_artifacts(store, None, run, limit, with_logs=with_logs)
        return [artifact.id for artifact in found]

    assert ids(1, False) == [model]
    assert ids(30, True) == [*reversed(logs), model]

"""Ten whole runs at once whose ML Metadata is one empty MariaDB."""

import json
import subprocess

import mariadb
import ml_metadata
import pytest
from runs import Place

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(mariadb.SERVER is None, reason="needs Debian's mariadb-server"),
]

RUNS = 10


def _settings(connection, number):
    mysql = {"socket": connection.mysql.socket, "user": connection.mysql.user}
    mysql |= {"database": connection.mysql.database}
    return (
        f"metadata.connection={json.dumps({'mysql': mysql})}",
        f"pipeline.name=run-{number}",
    )


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The results of the runs, and the store that they shared."""
    folder = tmp_path_factory.mktemp("runs")
    with mariadb.running(tmp_path_factory.mktemp("mariadb")) as connection:
        started = [
            subprocess.Popen(
                [*Place(folder).command(*_settings(connection, number)), "--json"],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for number in range(RUNS)
        ]
        ended = [(*process.communicate(), process.returncode) for process in started]
        assert [status for *_, status in ended] == [0] * RUNS, ended
        store = ml_metadata.MetadataStore(connection)
        yield [json.loads(printed) for printed, *_ in ended], store


def test_each_pushes_the_same_student(runs):
    results, _ = runs
    assert all(result["pushed"] for result in results)
    assert len({result["student"]["accuracy"] for result in results}) == 1


def test_each_finds_its_own_artifacts_alone(runs):
    results, store = runs
    assert not any(n["cached"] for result in results for n in result["nodes"].values())
    contexts = {c.name: c for c in store.get_contexts_by_type("pipeline")}
    assert sorted(contexts) == [f"run-{number}" for number in range(RUNS)]
    for context in contexts.values():
        pushed = [
            artifact.uri
            for artifact in store.get_artifacts_by_context(context.id)
            if "/Pusher/" in artifact.uri
        ]
        assert len(pushed) == 1
        assert f"/{context.name}/" in pushed[0]

"""Ten commands at once on one empty MariaDB as ML Metadata, as on ten machines."""

import pathlib
import subprocess
import sys

import mariadb
import ml_metadata
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from tfx_distill.pipeline.mlmd import store_connection

USERS, ARTIFACTS = 10, 20
USE = f"""
import sys
from ml_metadata.proto import metadata_store_pb2 as pb
from tfx_distill.pipeline.mlmd import store_connection
connection = pb.ConnectionConfig()
connection.ParseFromString(bytes.fromhex(sys.argv[1]))
store = store_connection.connect(connection)
kind = store.put_artifact_type(pb.ArtifactType(name="Model"))
for _ in range({ARTIFACTS}):
    store.put_artifacts([pb.Artifact(type_id=kind, uri=sys.argv[2])])
"""


@pytest.fixture
def database(tmp_path):
    """The connection to an empty MariaDB of its own."""
    with mariadb.running(tmp_path) as connection:
        yield connection


@pytest.mark.attack
@pytest.mark.slow
@pytest.mark.skipif(mariadb.SERVER is None, reason="needs Debian's mariadb-server")
def test_ten_users_at_once_of_an_empty_store_all_get_through(database):
    words = [sys.executable, "-c", USE, database.SerializeToString().hex()]
    started = [
        subprocess.Popen([*words, str(n)], stderr=subprocess.PIPE, text=True)
        for n in range(USERS)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in started]
    assert [status for _, status in ended] == [0] * USERS, ended
    uris = [a.uri for a in ml_metadata.MetadataStore(database).get_artifacts()]
    assert sorted(uris) == sorted([str(n) for n in range(USERS)] * ARTIFACTS)


def test_who_meets_an_unfinished_store_tries_again(monkeypatch, tmp_path):
    texts = [
        "There are a subset of tables. This may be due to concurrent connection"
    ] * 2
    real = ml_metadata.MetadataStore

    def unfinished(connection):
        if texts:
            raise RuntimeError(texts.pop())
        return real(connection)

    monkeypatch.setattr(ml_metadata, "MetadataStore", unfinished)
    monkeypatch.setattr(store_connection.time, "sleep", lambda _: None)
    connection = pb.ConnectionConfig()
    connection.sqlite.filename_uri = str(tmp_path / "store")
    connection.sqlite.connection_mode = 3
    assert store_connection.connect(connection).get_artifacts() == []
    texts.append("not a database")
    with pytest.raises(RuntimeError, match="not a database"):
        store_connection.connect(connection)
    assert pathlib.Path(tmp_path / "store").exists()

"""Damaged, foreign and busy stores: one line each, and nothing changes."""

import hashlib
import os
import sqlite3
import subprocess
import sys

import metadata_stores
import pytest
from click.testing import CliRunner

from tfx_distill.pipeline import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.inspection import payloads
from tfx_distill.pipeline.mlmd import read_only_store
from tfx_distill.pipeline.mlmd.records import ArtifactRecord
from tfx_distill.trainer.errors import DistillError


@pytest.fixture
def path(tmp_path):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    writer.distill("run-1")
    return writer.path


def _digest(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _refused(path, match):
    before = _digest(path)
    with pytest.raises(DistillError, match=match) as info:
        read_only_store.open_store(None, str(path)).everything()
    assert "\n" not in str(info.value)
    assert _digest(path) == before


def test_a_missing_file_is_not_made(tmp_path):
    with pytest.raises(DistillError, match="no such file. Run `distill run` first"):
        read_only_store.open_store(None, str(tmp_path / "none.sqlite"))
    assert list(tmp_path.iterdir()) == []


def test_a_mysql_server_that_does_not_answer_takes_one_line(capfd):
    address = "{host: 127.0.0.1, port: 9, database: mlmd, user: nobody}"
    config = load_config(None, [f"metadata.connection={{mysql: {address}}}"])
    with pytest.raises(DistillError, match="mysql://127.0.0.1/mlmd cannot be read"):
        read_only_store.open_store(config)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 4\x00"])
def test_what_is_not_sqlite_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    _refused(tmp_path / "file", "is not a SQLite database")


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(DistillError, match="is not a file"):
        read_only_store.open_store(None, str(tmp_path))


def test_another_programs_database_gets_no_tables(tmp_path):
    with sqlite3.connect(tmp_path / "other") as database:
        database.execute("CREATE TABLE notes (text)")
    database.close()
    _refused(tmp_path / "other", "but not one of ML Metadata")


@pytest.mark.parametrize("version", [5, 99])
def test_another_schema_is_refused_and_not_migrated(path, version):
    with sqlite3.connect(path) as database:
        database.execute(f"UPDATE MLMDEnv SET schema_version = {version}")
    database.close()
    _refused(path, rf"another version of ml-metadata \(schemas {version} and \d+\)")


def test_a_truncated_file_is_refused(path):
    path.write_bytes(path.read_bytes()[:50_000])
    _refused(path, "is damaged|cannot be read")


def test_overwritten_pages_are_refused(path):
    content = bytearray(path.read_bytes())
    content[4096:100_000] = b"\xa5" * (100_000 - 4096)
    path.write_bytes(content)
    _refused(path, "is damaged|cannot be read")


def test_a_locked_store_is_refused_at_once(path):
    # SQLite's locks are the process's: a thread of this one would not be kept out.
    code = (
        "import sqlite3, sys; d = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "d.execute('BEGIN EXCLUSIVE'); print('locked', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, path],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout.readline() == b"locked\n"
        _refused(path, "is locked: another process")


def test_a_killed_write_is_refused_and_not_rolled_back(path, tmp_path):
    copy = tmp_path / "killed.sqlite"
    writing = sqlite3.connect(path, isolation_level=None)
    writing.execute("PRAGMA cache_size = 1")  # so that pages are written before the end
    writing.execute("BEGIN")
    for _ in range(8):
        writing.execute(
            "INSERT INTO Type (name, type_kind) SELECT name || id, 9 FROM Type"
        )
    copy.write_bytes(path.read_bytes())
    journal = path.with_name("m.sqlite-journal").read_bytes()
    copy.with_name("killed.sqlite-journal").write_bytes(journal)
    writing.close()
    _refused(copy, "left in the middle of a write")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_an_unreadable_file_is_refused(path):
    path.chmod(0)
    with pytest.raises(DistillError, match="cannot be read: no permission"):
        read_only_store.open_store(None, str(path))


def test_reading_changes_nothing(path):
    before = _digest(path)
    for command in (
        ["runs"],
        ["artifacts"],
        ["show", "1"],
        ["lineage", "1"],
        ["explain"],
    ):
        result = CliRunner().invoke(cli.cli, [*command, "--metadata", str(path)])
        assert result.exit_code == 0, result.output
    assert _digest(path) == before
    assert [file.name for file in path.parent.iterdir()] == ["m.sqlite"]


def test_files_that_are_gone_are_one_line(tmp_path):
    gone = ArtifactRecord(id=1, type="Model", uri=str(tmp_path / "gone"))
    assert payloads.read(gone).problem == f"Its files are gone: {tmp_path / 'gone'}"


def test_files_elsewhere_are_one_line():
    far = ArtifactRecord(id=1, type="Model", uri="hdfs://host/model")
    assert (
        payloads.read(far).problem
        == "Its files are not readable here: hdfs:// is none of s3, minio, gs"
    )


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("Schema", "schema.pbtxt"),
        ("ExampleStatistics", "Split-train/FeatureStats.pb"),
        ("ExampleAnomalies", "Split-train/SchemaDiff.pb"),
        ("ModelBlessing", "verdict.json"),
        ("Model", "Format-Serving/assets.extra/model_card.json"),
    ],
)
def test_broken_files_never_raise(tmp_path, kind, name):
    path = tmp_path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b'\xff{"checks": [1], "spec": 3')
    payload = payloads.read(ArtifactRecord(id=1, type=kind, uri=str(tmp_path)))
    assert payload.problem or payload.kind in ("files", "blessing")


def test_a_verdict_of_another_shape_never_raises(tmp_path):
    content = r'{"checks": [1, 2], "student": [], "a": "\u001b"}'
    (tmp_path / "verdict.json").write_text(content)
    payload = payloads.read(
        ArtifactRecord(id=1, type="ModelBlessing", uri=str(tmp_path))
    )
    assert payload.kind == "verdict"
    assert payload.tables[0].rows == ()
    assert payload.facts["a"] == "\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize(
    "fields",
    [
        {"checks": [{"name": 7, "slice": [], "bound": {}, "value": "", "ok": 1}]},
        {"student": {"overall": {"accuracy": "high"}}, "teacher": {"overall": 1}},
        {"served": "yes"},
        {"reasons": "because", "student": [[[]]]},
    ],
)
def test_a_verdict_with_values_of_wrong_kinds_is_shown_as_far_as_it_goes(
    tmp_path, fields
):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    made = writer.distill("run-1", tmp_path)
    metadata_stores.verdict(tmp_path / "blessing" / "run-1", blessed=True, **fields)
    card = tmp_path / "model" / "run-1" / "Format-Serving" / "assets.extra"
    card.mkdir(parents=True)
    (card / "model_card.json").write_text('{"num_parameters": "12", "versions": 3}')
    for command in (["runs"], ["explain"], ["show", str(made["blessing"])]):
        place = ["--metadata", str(writer.path)]
        result = CliRunner().invoke(cli.cli, [*command, *place])
        assert (result.exit_code, result.exception) == (0, None)


def test_a_rollback_to_itself_by_way_of_another_ends(tmp_path):
    writer = metadata_stores.Writer(tmp_path / "m.sqlite")
    writer.distill("run-1")
    for version, to in (("171", "172"), ("172", "171")):
        writer.artifact(
            "PushedModel", pushed=1, pushed_version=version, rolled_back_to=to,
            rolled_back_by="me",
        )  # fmt: skip
    arguments = ["explain", "172", "--metadata", str(writer.path)]
    result = CliRunner().invoke(cli.cli, arguments)
    assert "does not say which run" in str(result.exception)

"""A store that another process writes to is waited for aloud, and not for ever."""

import re
import sqlite3
import subprocess
import sys

import pytest

from tfx_distill.pipeline.mlmd import store_lock
from tfx_distill.trainer import waiting
from tfx_distill.trainer.errors import DistillError

HOLD = """
import sqlite3, sys, time
store = sqlite3.connect(sys.argv[1])
store.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def store(tmp_path):
    path = tmp_path / "metadata.sqlite"
    sqlite3.connect(path).execute("CREATE TABLE Artifact (id)").connection.close()
    return path


@pytest.fixture
def holder(store):
    """A process that holds the store's lock until it gets a line."""
    command = [sys.executable, "-c", HOLD, str(store)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "held\n"
        yield process


@pytest.mark.attack
def test_who_holds_it_is_said_at_once_and_when_time_is_up(
    store, holder, monkeypatch, caplog
):
    monkeypatch.setattr(store_lock, "_TIMEOUT_S", 0.3)
    by = rf"process {holder.pid} \(python\S*\)"
    with pytest.raises(DistillError, match=f"locked: {by} has been .* at least 0.3 s"):
        store_lock.wait_until_free(store)
    (said,) = caplog.messages
    assert re.match(f"Waiting up to 0.3 s for {store}, locked by {by}", said)


def test_it_goes_on_when_the_other_has_finished(store, holder, monkeypatch):
    monkeypatch.setattr(
        waiting.time,
        "sleep",
        lambda _: (holder.stdin.write("\n"), holder.communicate()),
    )
    store_lock.wait_until_free(store)
    assert holder.returncode == 0


@pytest.mark.parametrize("content", [b"", b"nothing of the kind", b"SQLite format 3\0"])
def test_what_is_no_store_is_left_to_who_opens_it(tmp_path, content):
    path = tmp_path / "metadata.sqlite"
    path.write_bytes(content)
    store_lock.wait_until_free(path)
    assert path.read_bytes() == content

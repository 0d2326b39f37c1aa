"""Versions appear by one rename, grow, and are not repeated."""

import os
import re

import pytest

from tfx_distill.components.pusher import versions
from tfx_distill.trainer.errors import DistillError

pytestmark = pytest.mark.attack


def _publish(serving_dir, content, proposed=5):
    serving = versions.at(str(serving_dir))
    with serving.opened(proposed) as new:
        staged = os.path.join(new.staging_dir, "any")
        os.mkdir(staged)
        with open(os.path.join(staged, "saved_model.pb"), "w") as file:
            file.write(content)
        return serving.publish(staged, new)


def test_the_first_version_has_the_number_that_was_proposed(tmp_path):
    serving_dir = tmp_path / "new"
    assert _publish(serving_dir, "a") == 5
    assert versions.at(str(serving_dir)).numbers() == [5]


def test_a_later_version_is_higher_whatever_the_clock_says(tmp_path):
    assert [_publish(tmp_path, "a", 5), _publish(tmp_path, "b", 3)] == [5, 6]


def test_only_the_newest_is_taken_for_the_same(tmp_path):
    assert [_publish(tmp_path, text) for text in "aaba"] == [5, 5, 6, 7]


def test_nothing_hidden_is_left(tmp_path):
    _publish(tmp_path, "a")
    assert sorted(os.listdir(tmp_path)) == [".lock", "5"]


@pytest.mark.parametrize("name", ["99999999999999999999", "9223372036854775808", "٣"])
def test_a_name_that_no_server_reads_is_no_version(tmp_path, name):
    (tmp_path / name).mkdir()
    assert _publish(tmp_path, "a", 5) == 5


def test_after_the_highest_version_there_is_no_other(tmp_path):
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(DistillError, match="Move it away"):
        _publish(tmp_path, "a")
    assert sorted(os.listdir(tmp_path)) == [".lock", str(2**63 - 1)]


def test_the_highest_version_itself_can_be_made(tmp_path):
    (tmp_path / str(2**63 - 2)).mkdir()
    assert _publish(tmp_path, "a") == 2**63 - 1


def test_a_staging_folder_that_someone_removed_is_no_error(tmp_path):
    with versions.at(str(tmp_path)).opened(5) as new:
        os.rmdir(new.staging_dir)


def test_a_url_is_a_folder_of_an_object_store():
    assert type(versions.at("s3://bucket/models")).__name__ == "StoreFolder"


def test_a_version_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    done = []
    sync, rename = os.fsync, os.rename
    monkeypatch.setattr(os, "fsync", lambda d: (done.append(_path(d)), sync(d)))
    monkeypatch.setattr(os, "rename", lambda *p: (done.append("rename"), rename(*p)))
    _publish(tmp_path, "a")
    names = [name if name == "rename" else os.path.basename(name) for name in done]
    assert names == ["saved_model.pb", "any", "rename", tmp_path.name]


def _path(descriptor):
    return os.readlink(f"/proc/self/fd/{descriptor}")


def test_who_holds_a_serving_folder_is_said_while_waiting_and_after(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setattr(versions, "LOCK_TIMEOUT_S", 0.3)
    holder = rf"process {os.getpid()} on .+, since 20.+ UTC"
    with (
        versions.at(str(tmp_path)).opened(1),
        pytest.raises(DistillError, match=rf"run \({holder}\) .* after 0.3 s. Wait"),
    ):
        _publish(tmp_path, "a")
    (said,) = caplog.messages
    assert re.match(f"Waiting up to 0.3 s for .*, in use by {holder}", said)


def test_folders_that_are_no_versions_do_not_count(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "-3").mkdir()
    assert versions.at(str(tmp_path)).numbers() == []
    assert versions.at(str(tmp_path / "nowhere")).numbers() == []

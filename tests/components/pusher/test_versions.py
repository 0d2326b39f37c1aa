"""Versions appear by one rename, grow, and are not repeated."""

import os

from tfx_distill.components.pusher import versions


def _publish(serving_dir, content, proposed=5):
    with versions.staging(str(serving_dir)) as staging_dir:
        staged = os.path.join(staging_dir, "any")
        os.mkdir(staged)
        with open(os.path.join(staged, "saved_model.pb"), "w") as file:
            file.write(content)
        return versions.publish(staged, str(serving_dir), proposed)


def test_the_first_version_has_the_number_that_was_proposed(tmp_path):
    assert _publish(tmp_path, "a") == 5
    assert versions.numbers(str(tmp_path)) == [5]


def test_a_later_version_is_higher_whatever_the_clock_says(tmp_path):
    assert [_publish(tmp_path, "a", 5), _publish(tmp_path, "b", 3)] == [5, 6]


def test_only_the_newest_is_taken_for_the_same(tmp_path):
    assert [_publish(tmp_path, text) for text in "aaba"] == [5, 5, 6, 7]


def test_nothing_hidden_is_left(tmp_path):
    _publish(tmp_path, "a")
    assert sorted(os.listdir(tmp_path)) == [".lock", "5"]


def test_folders_that_are_no_versions_do_not_count(tmp_path):
    (tmp_path / "latest").mkdir()
    (tmp_path / "-3").mkdir()
    assert versions.numbers(str(tmp_path)) == []
    assert versions.numbers(str(tmp_path / "nowhere")) == []

"""What ML Metadata's properties say of a pushed model."""

from tfx_distill.components.pusher import pushed_models
from tfx_distill.trainer.export import saved_model_files


def _one(uri="/archive", **properties):
    found = pushed_models.newest_first([(7, uri, {"pushed": 1, **properties})])
    return found[0]


def test_only_what_was_pushed_counts_the_newest_first():
    artifacts = [(n, "", {"pushed": int(n != 2)}) for n in (1, 2, 3)]
    found = pushed_models.newest_first(artifacts)
    assert [model.artifact_id for model in found] == [3, 1]


def test_a_push_is_known_by_version_and_folder():
    model = _one(pushed_version="170", pushed_destination="/serving/170")
    assert (model.version, model.folder) == ("170", "/serving/170")
    assert model.is_in("/serving")
    assert not model.is_in("/other")
    assert not model.rolled_back_by


def test_a_rollback_says_who_and_from_where():
    model = _one(rolled_back_by="Ada", rolled_back_to="1", rolled_back_from="2")
    assert (model.rolled_back_by, model.rolled_back_to) == ("Ada", "1")
    assert model.rolled_back_from == "2"


def test_a_push_without_a_digest_is_known_by_its_copy(tmp_path):
    (tmp_path / "saved_model.pb").write_text("content")
    digest = saved_model_files.content_digest(str(tmp_path))
    assert _one(str(tmp_path)).digest() == digest
    assert _one(model_digest="abc").digest() == "abc"

"""Whatever changes in a version, its manifest shows."""

import pytest

from tfx_distill.components.pusher import manifest

pytestmark = pytest.mark.attack

CARD = "assets.extra/model_card.json"


@pytest.fixture
def version(tmp_path):
    (tmp_path / "assets.extra" / "lite").mkdir(parents=True)
    for name in ("saved_model.pb", CARD, "assets.extra/lite/int8.tflite"):
        (tmp_path / name).write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("change", "changed"),
    [
        (lambda v: None, []),
        (lambda v: (v / CARD).write_text("edited"), [CARD]),
        (lambda v: (v / CARD).unlink(), [CARD]),
        (lambda v: (v / "more").write_text(""), ["more"]),
        (lambda v: (v / CARD).rename(v / "card"), [CARD, "card"]),
        (lambda v: (v / manifest.NAME).unlink(), [manifest.NAME]),
        (lambda v: (v / manifest.NAME).write_bytes(b"\xff"), [manifest.NAME]),
    ],
)
def test_every_change_is_named(version, change, changed):
    digest = manifest.write(str(version))
    change(version)
    assert manifest.changes(str(version), digest) == changed


def test_a_folder_without_further_files_has_one_too(tmp_path):
    (tmp_path / "saved_model.pb").write_text("model")
    assert manifest.changes(str(tmp_path), manifest.write(str(tmp_path))) == []


def test_a_manifest_that_was_written_anew_is_another(version):
    digest = manifest.write(str(version))
    (version / CARD).write_text("edited")
    manifest.write(str(version))
    assert manifest.changes(str(version), digest) == [manifest.NAME]

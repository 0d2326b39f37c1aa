"""What a SavedModel is known by is what a server loads of it."""

import json

import pytest

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model_files
from tfx_distill.trainer.export.saved_model_files import ModelCard, Origin


@pytest.fixture
def model(tmp_path):
    (tmp_path / "variables").mkdir()
    (tmp_path / "assets.extra" / "lite").mkdir(parents=True)
    (tmp_path / "saved_model.pb").write_bytes(b"graph")
    (tmp_path / "variables" / "variables.index").write_bytes(b"weights")
    (tmp_path / "assets.extra" / "lite" / "int8.tflite").write_bytes(b"lite")
    return tmp_path


def test_its_size_is_that_of_graph_and_weights(model):
    assert saved_model_files.saved_model_bytes(str(model)) == len(b"graphweights")


def test_extra_files_do_not_change_the_digest_of_its_content(model):
    content = saved_model_files.content_digest(str(model))
    whole = saved_model_files.folder_digest(str(model))
    (model / "assets.extra" / "lite" / "int8.tflite").write_bytes(b"other")
    assert saved_model_files.content_digest(str(model)) == content
    assert saved_model_files.folder_digest(str(model)) != whole


@pytest.mark.parametrize("change", ["content", "name"])
def test_graph_and_weights_change_the_digest(model, change):
    before = saved_model_files.content_digest(str(model))
    if change == "content":
        (model / "saved_model.pb").write_bytes(b"other")
    else:
        (model / "saved_model.pb").rename(model / "renamed.pb")
    assert saved_model_files.content_digest(str(model)) != before


def test_a_folder_without_files_has_no_digest(tmp_path):
    with pytest.raises(ModelError, match="No files in"):
        saved_model_files.folder_digest(str(tmp_path))


def test_a_card_is_read_as_it_was_written(spec, tmp_path):
    origin = Origin(
        place="a.keras", digest="b" * 64, accuracy=0.9, num_images=10, found=("x",)
    )
    card = ModelCard(
        role="teacher",
        spec=spec,
        num_parameters=7,
        config={"epochs": 1},
        history={"loss": [0.5]},
        seconds=1.5,
        versions={"keras": "3"},
        origins=(origin,),
    )
    saved_model_files.write_card(card, str(tmp_path / "model"))
    assert saved_model_files.read_card(str(tmp_path / "model")) == card
    assert saved_model_files.read_card(str(tmp_path)) is None
    # Sorted, so that two cards can be compared line by line.
    keys = list(json.loads(card.to_json()))
    assert keys == sorted(keys)
    assert str(origin) == "imported from a.keras, SHA-256 bbbbbbbbbbbb"

"""`distill init`: what it writes for a folder, which then loads."""

import pytest
import yaml
from photo_files import encoded, plain, write_folder, write_splits

from tfx_distill.pipeline.cli import cli
from tfx_distill.pipeline.config.loader import load_config
from tfx_distill.pipeline.inspection import starting_configuration
from tfx_distill.pipeline.inspection.data_checks import DataCheck
from tfx_distill.trainer.data.data_report import DataReport, EqualImages


def _found(train, test, shape=(28, 28, 1)):
    """As if a data set had so many images of each class."""
    names = tuple(f"class {i}" for i in range(len(train)))
    report = DataReport(
        dataset="d", image_shape=shape, shape_chosen=False, fit="crop",
        class_names=names, heights=(), widths=(), num_converted=0, conversions={},
        num_images={"train": train, "eval": test, "test": test},
        examples={}, bad=(), ignored={}, duplicates={}, overlaps={},
        conflicts=EqualImages(),
    )  # fmt: skip
    return DataCheck(report, (), ())


def _chosen(*arguments):
    found = starting_configuration.settings(_found(*arguments), "folder")
    return {setting.key: setting.value for setting in found}


def test_a_data_set_like_mnist_keeps_the_default():
    assert _chosen((5_400,) * 10, (1_000,) * 10) == {"data.images": "folder"}


def test_colour_and_large_images_get_the_residual_models():
    for shape in ((32, 32, 3), (96, 96, 1)):
        chosen = _chosen((1_000,) * 10, (300,) * 10, shape)
        assert chosen["student.model"].endswith("residual_student")
        assert chosen["views.flip"] is True
    assert "student.model" not in _chosen((1_000,) * 10, (300,) * 10, (28, 28, 1))


def test_few_images_get_smaller_steps_and_more_passes():
    chosen = _chosen((100, 100), (50, 50))
    assert (chosen["teacher.batch_size"], chosen["teacher.epochs"]) == (32, 60)


def test_the_gate_is_left_to_auto():
    for shape in ((28, 28, 1), (32, 32, 3)):
        keys = _chosen((100,) * 4, (40,) * 4, shape)
        assert not any(key.startswith("gate") for key in keys)


def test_classes_of_very_different_sizes_are_weighted():
    assert _chosen((100, 301), (50, 50))["student.class_weight"] == "balanced"
    assert "student.class_weight" not in _chosen((100, 300), (50, 50))


def test_imbalance_and_refusals_are_told():
    found = _found((100, 400), (10, 10))
    text = starting_configuration.text(
        DataCheck(found.report, (), ("It is odd.",)), [], "distill init", "f.yaml"
    )
    assert "# Not balanced: 400 training images of class 1, 100 of class 0." in text
    assert "# A run refuses this data set: It is odd." in text


def _init(*arguments):
    return cli.main(["init", *map(str, arguments)], standalone_mode=False)


def test_the_command_writes_a_file_that_loads(tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    write_splits(tmp_path / "pets", counts=(20, 8, 16))
    write_folder(tmp_path / "pets", {"unlabelled": 4}, first=900)
    assert _init("pets") == 0
    assert capfd.readouterr().out == "pets.yaml\n"
    values = yaml.safe_load((tmp_path / "pets.yaml").read_text())
    assert values["data"] == {"images": "pets"}
    text = (tmp_path / "pets.yaml").read_text()
    assert "2 classes; 40 train, 16 eval, 32 test, 4 unlabelled" in text
    config = load_config("pets.yaml")
    assert config.data.images == "pets"
    assert config.gate.margin == "auto"


def test_a_folder_that_a_run_refuses_is_told_and_a_file_is_not_overwritten(
    tmp_path, monkeypatch, capfd
):
    monkeypatch.chdir(tmp_path)
    write_splits(tmp_path / "pets")
    (tmp_path / "pets/test/cat/copy.png").write_bytes(
        (tmp_path / "pets/train/cat/0.png").read_bytes()
    )
    (tmp_path / "pets/test/cat/grey.png").write_bytes(encoded(plain(3)))
    assert _init("pets", "--output", "own.yaml") == 1
    assert (
        "A run refuses this data set: The same" in (tmp_path / "own.yaml").read_text()
    )
    with pytest.raises(Exception, match=r"own.yaml exists"):
        _init("pets", "--output", "own.yaml")

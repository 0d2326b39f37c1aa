"""Files that a model's function reads are part of what it is."""

import tempfile

import keras
import numpy as np
import pytest

from tfx_distill.trainer.config.training_config import StudentConfig, TeacherConfig
from tfx_distill.trainer.distillation import dry_run
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures, opened_files


def scaled_by_file(image_shape, num_classes, path, how="numpy"):
    """A model one of whose numbers comes from a file."""
    if how == "keras":
        factor = keras.models.load_model(path).count_params()
    else:
        factor = float(np.load(path)[0])
    return keras.Sequential(
        [
            keras.Input(image_shape),
            keras.layers.Rescaling(factor),
            keras.layers.Flatten(),
            keras.layers.Dense(num_classes),
        ]
    )


MODEL = f"{__name__}.scaled_by_file"


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of the user's, which is in no temporary folder."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    path = tmp_path / "factor.npy"
    np.save(path, [0.5])
    return path


def _config(file, **changed):
    return TeacherConfig(model=MODEL, options={"path": str(file)}, **changed)


@pytest.mark.attack
def test_a_file_that_is_read_and_not_declared_is_named(file, spec):
    with pytest.raises(ModelError) as caught:
        dry_run.check_teacher(_config(file), spec)
    assert str(caught.value) == (
        f"{MODEL} reads {file}. A changed file makes another model, and the cache would "
        f"not know. Set teacher.files to [{file}]."
    )


@pytest.mark.attack
def test_so_is_a_keras_file(file, spec):
    path = file.with_name("mine.keras")
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(path)
    config = _config(path).replace(options={"path": str(path), "how": "keras"})
    with pytest.raises(ModelError, match=f"reads {path}"):
        dry_run.check_teacher(config, spec)


def test_a_declared_file_may_be_read(file, spec):
    dry_run.check_teacher(_config(file, files=[str(file)]), spec)
    dry_run.check_teacher(_config(file, files=[str(file.parent)]), spec)


def test_a_changed_file_is_another_model(file):
    before = architectures.code_digest(MODEL, [str(file)])
    assert before == architectures.code_digest(MODEL, [str(file)])
    np.save(file, [0.25])
    assert architectures.code_digest(MODEL, [str(file)]) != before
    assert architectures.code_digest(MODEL) == architectures.source_digest(MODEL)


def test_a_declared_file_must_exist(file):
    with pytest.raises(ModelError, match="reads gone.npy, as files says, and there is"):
        architectures.code_digest(MODEL, ["gone.npy"])


def test_what_is_written_and_the_installation_are_left_out(file):
    with opened_files.recorded() as opened:
        file.with_name("log.txt").write_text("")
        with open(keras.__file__, "rb"):
            pass
        file.read_bytes()
    assert opened == [str(file)]
    file.read_bytes()
    assert opened == [str(file)]


def test_recipes_without_files_are_those_of_earlier_versions():
    assert "files" not in StudentConfig().to_json()
    assert "files" in StudentConfig(files=["a.npy"]).to_json()

"""Small real data and models for the learning's tests."""

import keras
import pytest
from small_data import squares

from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export import saved_model
from tfx_distill.trainer.models import architectures


@pytest.fixture(scope="session")
def spec():
    return DataSpec(
        dataset="squares",
        version="1.0.0",
        image_shape=(8, 8, 1),
        class_names=("left", "right", "both"),
        num_examples={"train": 96, "eval": 24, "test": 24},
    )


@pytest.fixture(scope="session")
def train():
    return squares(96, seed=1)


@pytest.fixture(scope="session")
def evaluation():
    return squares(24, seed=2)


@pytest.fixture(scope="session")
def exported(spec, tmp_path_factory):
    """An untrained model and the folder that it was saved to."""
    keras.utils.set_random_seed(3)
    model = architectures.build("small_data.dense", spec.image_shape, 3)
    folder = str(tmp_path_factory.mktemp("model") / "saved")
    saved_model.save(
        model, folder, role="teacher", spec=spec, config={}, history={}, seconds=0.0
    )
    return model, folder

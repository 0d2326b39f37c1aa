"""An ensemble's SavedModel answers as its members averaged."""

import keras
import numpy as np
import pytest

from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.export import saved_model, saved_model_files
from tfx_distill.trainer.models import architectures, ensemble
from tfx_distill.trainer.models.teachers import Teachers


@pytest.fixture(scope="module")
def members(spec, tmp_path_factory):
    folders = []
    for seed in (1, 2):
        keras.utils.set_random_seed(seed)
        model = architectures.build(
            "small_data.dense", spec.image_shape, spec.num_classes
        )
        folder = str(tmp_path_factory.mktemp("member") / "saved")
        saved_model.save(
            model, folder, role="teacher", spec=spec, config={}, history={}, seconds=1
        )
        folders.append(folder)
    return folders


@pytest.mark.parametrize(
    "average",
    [
        AverageConfig(),
        AverageConfig(weights=(1.0, 3.0)),
        AverageConfig(of="logits", weights=(1.0, 3.0)),
    ],
)
def test_it_answers_as_its_members_averaged(members, average, evaluation, tmp_path):
    ensemble.save(members, average, str(tmp_path))
    answer = saved_model.Predictor(str(tmp_path)).predict(evaluation.images)
    expected = Teachers(members, average).predict(evaluation.images)
    np.testing.assert_allclose(answer["logits"], expected, atol=1e-5)
    np.testing.assert_allclose(answer["probabilities"].sum(1), 1.0, rtol=1e-5)


def test_its_card_adds_its_members_up(members, spec, tmp_path):
    ensemble.save(members, AverageConfig(), str(tmp_path))
    card = saved_model_files.read_card(str(tmp_path))
    assert (card.spec, card.num_parameters, card.seconds) == (spec, 2 * 1091, 2)


def test_members_of_different_shapes_are_refused(members, tmp_path):
    model = architectures.build("small_data.dense", (9, 8, 1), 3)
    other = str(tmp_path / "other")
    model.export(other, verbose=False)
    with pytest.raises(ModelError):
        ensemble.save([members[0], other], AverageConfig(), str(tmp_path / "all"))

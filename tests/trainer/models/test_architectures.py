"""Architectures, and what a model of one's own must be."""

import sys

import numpy as np
import pytest

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures

MNIST = (28, 28, 1)


@pytest.mark.parametrize(
    ("path", "num_parameters"),
    [
        ("tfx_distill.trainer.models.architectures.teacher", 225_034),
        ("tfx_distill.trainer.models.architectures.article_teacher", 225_034),
        ("tfx_distill.trainer.models.architectures.article_student", 173_930),
        ("tfx_distill.trainer.models.architectures.student", 8_954),
        ("tfx_distill.trainer.models.architectures.deep_student", 9_554),
        ("tfx_distill.trainer.models.architectures.deep_teacher", 81_346),
    ],
)
def test_architectures_have_the_published_number_of_parameters(path, num_parameters):
    assert architectures.build(path, MNIST, 10).count_params() == num_parameters


def test_article_teacher_has_the_articles_layers():
    layers = architectures.article_teacher(MNIST, 10).layers
    kinds = [type(layer).__name__ for layer in layers]
    assert kinds == [
        "Conv2D",
        "MaxPooling2D",
        "Conv2D",
        "MaxPooling2D",
        "Flatten",
        "Dense",
        "Dense",
    ]
    assert layers[-1].activation.__name__ == "linear"


def test_a_built_model_scales_raw_pixels_itself(spec):
    model = architectures.build("small_data.dense", spec.image_shape, 3)
    pixels = np.full((1, 8, 8, 1), 255, np.uint8)
    core = model.layers[-1]
    np.testing.assert_allclose(model(pixels), core(np.ones((1, 8, 8, 1), np.float32)))


def test_an_unknown_path_is_named():
    with pytest.raises(
        ModelError,
        match="No model function tfx_distill.trainer.models.architectures.studnet",
    ):
        architectures.build(
            "tfx_distill.trainer.models.architectures.studnet", MNIST, 10
        )


def test_a_wrong_number_of_widths_is_refused():
    with pytest.raises(ModelError, match="widths has 4 numbers, expected 6"):
        architectures.build(
            "tfx_distill.trainer.models.architectures.deep_student",
            MNIST,
            10,
            {"widths": [8, 12, 16, 20]},
        )


def test_an_architecture_too_deep_for_the_image_is_refused():
    with pytest.raises(ModelError, match="cannot build a model for 4x4x1 images"):
        architectures.build(
            "tfx_distill.trainer.models.architectures.student", (4, 4, 1), 10
        )


def test_something_that_is_no_model_is_refused():
    with pytest.raises(ModelError, match="returned ndarray, expected a Keras model"):
        architectures.build("numpy.full", (2, 2), 3)


@pytest.mark.attack
def test_only_a_users_own_module_puts_the_current_folder_on_the_path(
    tmp_path, monkeypatch
):
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p])
    monkeypatch.chdir(tmp_path)
    (tmp_path / "own_models_here.py").write_text(
        "import own_neighbour\ndef small(image_shape, num_classes):\n    return 3\n"
    )
    (tmp_path / "own_neighbour.py").write_text("")
    assert architectures._import(architectures.__name__ + ".student")
    assert str(tmp_path) not in sys.path
    assert architectures._import("own_models_here.small")((8, 8, 1), 2) == 3
    assert sys.path[-1] == str(tmp_path)

"""The residual architectures fit photos of any size."""

import pytest

from tfx_distill.trainer.errors import ModelError
from tfx_distill.trainer.models import architectures

RESIDUAL = "tfx_distill.trainer.models.residual.residual_"


@pytest.mark.parametrize(
    ("role", "num_parameters"), [("teacher", 414_074), ("student", 72_666)]
)
@pytest.mark.parametrize("size", [4, 32, 97])
def test_they_have_the_published_number_of_parameters(role, num_parameters, size):
    model = architectures.build(RESIDUAL + role, (size, size, 3), 10)
    assert model.count_params() == num_parameters


def test_a_wrong_number_of_widths_is_refused():
    with pytest.raises(ModelError, match="widths has 3 numbers, expected 4"):
        architectures.build(
            RESIDUAL + "student", (32, 32, 3), 10, {"widths": [8, 16, 32]}
        )

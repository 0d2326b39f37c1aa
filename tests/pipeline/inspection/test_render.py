"""How numbers of runs are printed."""

import pytest

from tfx_distill.pipeline.inspection import render


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 0 s"),
        (3599.6, "1 h 0 min"),
    ],
)
def test_a_duration_is_never_sixty_of_its_unit(seconds, text):
    assert render.duration(seconds) == text

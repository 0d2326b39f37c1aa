"""Conditions are evaluated as on the server."""

import pytest

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError
from tfx_distill.pipeline.runners.kubeflow.rehearsal.conditions import holds

BLESSED = "inputs.artifacts['b'].artifacts[0].metadata['blessed'] == 1.0"
INPUTS = {
    "artifacts": {
        "b": {"artifacts": [{"uri": "s3://!&&", "metadata": {"blessed": 1.0}}]}
    },
    "parameterValues": {"epochs": 3, "fast": True},
}


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (BLESSED, True),
        (f"!({BLESSED})", False),
        (f"({BLESSED} && inputs.parameter_values['epochs'] < 3)", False),
        (f"({BLESSED} || inputs.parameter_values['epochs'] < 3)", True),
        ("inputs.parameter_values['fast'] == true", True),
        ("inputs.parameter_values['epochs'] != 3", False),
        ("(inputs.artifacts['b'].artifacts[0].uri + 'x') == 's3://!&&x'", True),
    ],
)
def test_conditions_are_evaluated(condition, expected):
    assert holds(condition, INPUTS) is expected


@pytest.mark.parametrize(
    "condition",
    [
        "inputs.artifacts['_Evaluator.blessing'].artifacts[0].uri == 'a'",
        "1.0",
        "open('x')",
    ],
)
def test_other_conditions_fail_as_on_the_server(condition):
    with pytest.raises(RehearsalError, match="The condition"):
        holds(condition, INPUTS)

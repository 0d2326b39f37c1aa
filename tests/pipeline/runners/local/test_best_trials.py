"""What `distill tune` says of the best trials."""

import io
import re

import pytest
from rich.console import Console

from tfx_distill.pipeline.runners.local import tune
from tfx_distill.trainer.tuning.trials import COMPLETED, FAILED, Trial, Trials


@pytest.fixture
def shown():
    found = [
        Trial(
            id=str(number), status=COMPLETED, objective=0.9 - number / 100, parameters=50,
            values={
                "student.learning_rate": 0.001 * number,
                "distillation.temperature": 4.0 if number < 6 else 2.0,
                "student.optimizer": "sgd" if number == 3 else "adam",
            },
        )
        for number in range(1, 8)
    ]  # fmt: skip
    found.append(Trial(id="8", status=FAILED, values=found[0].values, reason="no"))
    ranking = Trials(
        algorithm="random", max_parameters=99, trials=tuple(found)
    ).ranking()
    console = Console(width=100, record=True, file=io.StringIO())
    console.print(tune._best_table([t for t in ranking if t.objective is not None]))
    return console.export_text()


def test_the_best_five_are_compared_by_what_differs(shown):
    head, *rows = [line.split() for line in shown.splitlines() if line.strip()][1:]
    assert head == ["rank", "accuracy", "parameters", "learning_rate", "optimizer"]
    rows = [row for row in rows if re.match(r"\d", row[0])]
    assert rows[0] == ["1", "0.8900", "50", "0.001", "adam"]
    assert rows[2] == ["3", "0.8700", "50", "0.003", "sgd"]
    assert len(rows) == 5

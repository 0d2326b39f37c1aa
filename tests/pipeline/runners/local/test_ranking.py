"""The ranking as a person sees it, and the command that freezes its best."""

import io
import shlex

import pytest
from rich.console import Console

from tfx_distill.pipeline.runners.local import tune
from tfx_distill.trainer.tuning import trials
from tfx_distill.trainer.tuning.trials import Trial, Trials


def _trial(number, status=trials.COMPLETED, **values):
    found = {"distillation.temperature": 2.345678, "student.batch_size": 64}
    return Trial(id=number, status=status, values=found, **values)


FOUND = Trials(
    algorithm="random",
    max_parameters=9000,
    trials=(
        _trial("1", parameters=8954, objective=0.9, epochs=4, seconds=3.14),
        _trial(
            "2", trials.FAILED, parameters=None, reason="ValueError: [no] such layer"
        ),
        _trial("3", parameters=500, objective=0.95, epochs=4, seconds=2.0),
        *(
            _trial(f"over-{n}", trials.OVER_BUDGET, parameters=9001, reason="too many")
            for n in range(1, 6)
        ),
    ),
)


@pytest.fixture
def shown():
    result = tune.TuningResult(
        dataset="digits",
        hyperparameters=12,
        file="/runs/best_hyperparameters.txt",
        trials_file="/runs/trials.json",
        cached=False,
        freeze="distill run --set hyperparameters=12",
        ranking=tuple(FOUND.ranking()),
        run_dir="/runs/1",
    )
    stream = io.StringIO()
    Console(file=stream, width=120).print(tune._report(result))
    return [line.split() for line in stream.getvalue().splitlines()]


def test_the_best_comes_first_and_what_has_no_accuracy_last(shown):
    rows = [words for words in shown if words and words[0] in ("1", "2")][:2]
    assert rows[0][:6] == ["1", "3", "0.9500", "500", "4", "2.0"]
    assert rows[1][:6] == ["2", "1", "0.9000", "8,954", "4", "3.1"]
    failed = next(words for words in shown if "failed" in words)
    assert failed[:2] == ["2", "failed"]
    assert "[no]" in failed
    assert "temperature=2.346" in rows[0]
    over = [words[0] for words in shown if words and words[0].startswith("over-")]
    assert over == ["over-1", "over-2", "over-3"]
    assert ["2", "more", "students", "exceeded", "the", "budget."] in shown


def test_it_says_how_to_run_with_the_best(shown):
    line = ["Run", "with", "the", "best", "values:", "distill", "run", "--set"]
    assert [*line, "hyperparameters=12"] in shown


@pytest.mark.parametrize(
    ("file", "overrides", "command"),
    [
        (None, ["tuning={}"], "distill run"),
        ("tuned", ["tuning.max_trials=3", "student.epochs=2"],
         "distill run --config tuned --set student.epochs=2 --set tuning=null"),
        ("smoke", ["data.image_shape=[8, 8, 1]"],
         "distill run --config smoke --set 'data.image_shape=[8, 8, 1]'"),
    ],
)  # fmt: skip
def test_the_command_keeps_all_but_the_search(file, overrides, command):
    assert tune._freeze_command(file, overrides) == command
    assert shlex.split(command)

"""What became of the trials of a search: kept one by one, so that none is lost."""

from __future__ import annotations

import dataclasses
import json
import os
import pathlib
from collections.abc import Iterable
from typing import Any

FORMAT_VERSION = 1
FILE_NAME = "trials.json"

COMPLETED = "completed"
FAILED = "failed"
OVER_BUDGET = "over budget"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One student that was tried.

    Attributes:
        id: Its number, from 1; `over-1` and so on for those over the budget.
        status: `completed`, `failed` or `over budget`.
        values: By configuration key.
        parameters: Number of weights; None when the student could not be built.
        objective: Accuracy on the split `eval` after the last epoch, in [0, 1];
            None unless completed.
        epochs: Of its training.
        seconds: Wall time of its training.
        reason: Why it has no objective.
    """

    id: str
    status: str
    values: dict[str, Any]
    parameters: int | None
    objective: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trials:
    """All trials of a search.

    Attributes:
        algorithm: How they were chosen.
        max_parameters: The budget.
        trials: In the order in which they ran; those over the budget last.
    """

    algorithm: str
    max_parameters: int
    trials: tuple[Trial, ...]

    def ranking(self) -> list[Trial]:
        """The best first, the smaller of equals; then failed ones, then too large ones."""
        return sorted(self.trials, key=_rank)

    @property
    def best(self) -> Trial | None:
        """The first of the ranking; None when no trial has an objective."""
        first = min(self.trials, key=_rank, default=None)
        return first if first is not None and first.status == COMPLETED else None

    def save(self, folder: str) -> None:
        os.makedirs(folder, exist_ok=True)
        values = {"format_version": FORMAT_VERSION, **dataclasses.asdict(self)}
        text = json.dumps(values, indent=2)
        pathlib.Path(folder, FILE_NAME).write_text(text, encoding="utf-8")

    @classmethod
    def load(cls, folder: str) -> Trials:
        text = pathlib.Path(folder, FILE_NAME).read_text(encoding="utf-8")
        values = json.loads(text)
        del values["format_version"]
        values["trials"] = tuple(Trial(**trial) for trial in values["trials"])
        return cls(**values)


def _rank(trial: Trial) -> tuple[int, float, int]:
    last = [COMPLETED, FAILED, OVER_BUDGET].index(trial.status)
    return last, -(trial.objective or 0.0), trial.parameters or 0


class Journal:
    """A file with a line for each finished trial, written the moment it finishes.

    A trial that runs when the process is killed has no line, and so runs again.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Opens the journal, with what an interrupted search left in it."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "trials.jsonl"
        self._trials = {
            _key(trial.values, trial.epochs): trial for trial in self._read()
        }
        # Without the half of a line that a killed process may have left.
        remaining = self._path.with_suffix(".new")
        remaining.write_text(
            "".join(map(_line, self._trials.values())), encoding="utf-8"
        )
        remaining.replace(self._path)

    def __len__(self) -> int:
        return len(self._trials)

    def find(self, values: dict[str, Any], epochs: int) -> Trial | None:
        """What became of the trial of these values."""
        return self._trials.get(_key(values, epochs))

    def add(self, trial: Trial) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            file.write(_line(trial))
            file.flush()
            os.fsync(file.fileno())
        self._trials[_key(trial.values, trial.epochs)] = trial

    def _read(self) -> Iterable[Trial]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            try:
                yield Trial(**json.loads(line))
            except (ValueError, TypeError):
                continue


def _line(trial: Trial) -> str:
    return json.dumps(dataclasses.asdict(trial)) + "\n"


def _key(values: dict[str, Any], epochs: int) -> str:
    return json.dumps([values, epochs], sort_keys=True)

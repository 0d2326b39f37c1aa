"""The trials of a search, and the journal that an interrupted search resumes from."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import pathlib
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tfx_distill.trainer import file_system, json_files

FORMAT_VERSION = 1
FILE_NAME = "trials.json"

COMPLETED = "completed"
FAILED = "failed"
OVER_BUDGET = "over budget"
# Of configuration keys; without them there is more room for the values.
_SECTIONS = re.compile(r"^(student\.options|student|distillation)\.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trial:
    """One student that a search tried.

    Attributes:
        id: Its number, from 1; `over-1` and so on for students over the budget;
            empty until the search numbers it.
        status: `completed`, `failed` or `over budget`.
        values: Hyperparameters by configuration key.
        parameters: Number of weights; None if the student could not be built.
        objective: Accuracy on the split `eval` after the last epoch, in [0, 1];
            None unless completed.
        epochs: Number of epochs it was trained for.
        seconds: Wall time of its training.
        reason: Why it has no objective, in one line.
    """

    id: str = ""
    status: str
    values: dict[str, Any]
    parameters: int | None = None
    objective: float | None = None
    epochs: int = 0
    seconds: float = 0.0
    reason: str = ""

    @property
    def accuracy(self) -> float:
        """The objective of a completed trial."""
        assert self.objective is not None
        return self.objective

    @classmethod
    def failed(cls, values: Mapping[str, Any], epochs: int, reason: str) -> Trial:
        return cls(status=FAILED, values=dict(values), epochs=epochs, reason=reason)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Trials:
    """All trials of a search.

    Attributes:
        algorithm: KerasTuner's algorithm that proposed them.
        max_parameters: The budget, in weights.
        trials: In the order in which they ran, then those over the budget.
    """

    algorithm: str
    max_parameters: int
    trials: tuple[Trial, ...]

    def ranking(self) -> list[Trial]:
        """Best first, then failed, then over budget; of equals, the smaller first."""
        return sorted(self.trials, key=_rank)

    def completed(self) -> list[Trial]:
        """Those with an objective, best first."""
        return [trial for trial in self.ranking() if trial.objective is not None]

    @property
    def best(self) -> Trial | None:
        """The first of the ranking; None if no trial has an objective."""
        first = min(self.trials, key=_rank, default=None)
        return first if first is not None and first.status == COMPLETED else None

    def save(self, folder: str) -> None:
        """Writes them to `trials.json` in a folder, which is made if missing."""
        file_system.make_folder(folder)
        path = os.path.join(folder, FILE_NAME)
        json_files.save(self, path, format_version=FORMAT_VERSION)

    @classmethod
    def load(cls, folder: str) -> Trials:
        """Reads what `save` wrote.

        Raises:
            OSError: If the file is missing or unreadable.
            ValueError: If its content is not what `save` writes.
        """
        return json_files.load(cls, os.path.join(folder, FILE_NAME))


def differing(found: Sequence[Trial]) -> list[str]:
    """The keys in whose values some trials differ, in the order of the search."""
    keys = list(found[0].values) if found else []
    return [key for key in keys if len({str(t.values[key]) for t in found}) > 1]


def settings_text(values: Mapping[str, Any]) -> str:
    """The values of a trial in a line, by keys without their sections."""
    return " ".join(
        f"{short_key(key)}={value_text(value)}" for key, value in values.items()
    )


def short_key(key: str) -> str:
    """A key without its section."""
    return _SECTIONS.sub("", key)


def value_text(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _rank(trial: Trial) -> tuple[int, float, int]:
    last = [COMPLETED, FAILED, OVER_BUDGET].index(trial.status)
    return last, -(trial.objective or 0.0), trial.parameters or 0


class Journal:
    """A file with one line per finished trial, written as soon as it finishes.

    A trial that is running when the process is killed has no line, and runs again.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        """Opens the journal, which may hold trials of an interrupted search."""
        folder.mkdir(parents=True, exist_ok=True)
        self._path = folder / "trials.jsonl"
        self._trials = {
            _key(trial.values, trial.epochs): trial for trial in self._read()
        }

    def __len__(self) -> int:
        return len(self._trials)

    def find(self, values: dict[str, Any], epochs: int) -> Trial | None:
        """The finished trial of these values, if there is one."""
        return self._trials.get(_key(values, epochs))

    def add(self, trial: Trial) -> None:
        with open(self._path, "a", encoding="utf-8") as file:
            # The first line break ends the partial line that a killed process left.
            file.write(f"\n{json.dumps(dataclasses.asdict(trial))}\n")
            file.flush()
            os.fsync(file.fileno())
        self._trials[_key(trial.values, trial.epochs)] = trial

    def _read(self) -> Iterable[Trial]:
        if not self._path.exists():
            return
        for line in self._path.read_text(encoding="utf-8").splitlines():
            with contextlib.suppress(ValueError):
                yield json_files.parse(Trial, line)


def _key(values: dict[str, Any], epochs: int) -> str:
    return json.dumps([values, epochs], sort_keys=True)

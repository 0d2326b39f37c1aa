"""The state of a training after its epochs, from which a killed one resumes.

It resumes to the same weights: an epoch's batches depend on the seed and the epoch's
number alone, and all else is in the state, the random numbers of dropout too.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import importlib.metadata
import json
import os
import time
from typing import Any

import keras
import numpy as np

from tfx_distill.trainer import file_system

# Part of the file's name: increase it when equal settings no longer mean equal weights.
_FORMAT_VERSION = 1
# A training that takes less has little to lose, and writing takes time.
_EVERY_S = 15.0
_STOPPING = ("wait", "best", "best_epoch", "stopped_epoch")


def path(run_dir: str, *identity: Any) -> str:
    """The file of a training; the same training finds it again in another run.

    Args:
        run_dir: Folder that its node got for logs, `NODE/KEY/ID` on this machine.
        *identity: All that decides the weights, as JSON has it.
    """
    versions = [_FORMAT_VERSION, importlib.metadata.version("keras")]
    text = json.dumps([versions, identity], sort_keys=True, default=str)
    name = f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.npz"
    node_dir = os.path.dirname(os.path.dirname(run_dir.rstrip("/")))
    return os.path.join(node_dir, "checkpoints", name)


def forget(file: str) -> None:
    """Deletes the state of a training whose model is saved."""
    with contextlib.suppress(FileNotFoundError):
        if file_system.exists(file):
            file_system.remove(file)


@dataclasses.dataclass(frozen=True)
class _State:
    """What is written.

    Attributes:
        phase: First epoch of the phase in which it is.
        epoch: Number of finished epochs.
        history: Values by metric name, one per finished epoch.
        stopping: Attributes of Keras's `EarlyStopping`, but its weights.
        arrays: Variables of the model and of the optimizer, and the best weights.
    """

    phase: int
    epoch: int
    history: dict[str, list[float]]
    stopping: dict[str, Any]
    arrays: dict[str, list[np.ndarray]]

    def save(self, file: str) -> None:
        words = {**vars(self), "arrays": {k: len(v) for k, v in self.arrays.items()}}
        arrays = {
            f"{name}_{number}": array
            for name, several in self.arrays.items()
            for number, array in enumerate(several)
        }
        file_system.make_folder(os.path.dirname(file))
        with file_system.written_whole(file) as partial:
            file_system.save_arrays(
                partial, words=np.array(json.dumps(words)), **arrays
            )

    @classmethod
    def load(cls, file: str) -> _State | None:
        """What `save` wrote; None if there is nothing."""
        if not file_system.exists(file):
            return None
        found = file_system.load_arrays(file)
        words = json.loads(str(found["words"]))
        arrays = {
            name: [found[f"{name}_{number}"] for number in range(count)]
            for name, count in words.pop("arrays").items()
        }
        return cls(**words, arrays=arrays)


class Recorder(keras.callbacks.Callback):
    """Records each epoch, and writes the state after it.

    Attributes:
        history: Values by metric name, one per epoch, of all phases.
        resumed: Number of epochs that were trained before this process began.
    """

    def __init__(self, file: str | None) -> None:
        """Begins, or resumes what is in a file.

        Args:
            file: From `path`; None writes nothing.
        """
        super().__init__()
        self._file = file
        self._state = _State.load(file) if file else None
        self.history = self._state.history if self._state else {}
        self.resumed = self._state.epoch if self._state else 0
        self._written = time.monotonic()

    def begin(
        self, model: keras.Model, optimizer: Any, epochs: range, stopping: Any
    ) -> int:
        """Restores the state that belongs to a phase of the training.

        Args:
            model: The model of the phase, compiled.
            optimizer: Its optimizer, built.
            epochs: Those of the phase.
            stopping: Keras's `EarlyStopping`, or None.

        Returns:
            The first epoch to train; the end of the phase if none is left.
        """
        self._phase, self._optimizer, self._stopping = epochs.start, optimizer, stopping
        state = self._state
        if state is None or state.phase < epochs.start:
            return epochs.start
        if state.phase > epochs.start:
            return epochs.stop
        for owner, name in ((model, "model"), (optimizer, "optimizer")):
            for variable, value in zip(
                owner.variables, state.arrays[name], strict=True
            ):
                variable.assign(value)
        return state.epoch

    def on_train_begin(self, logs: dict[str, float] | None = None) -> None:
        state = self._state  # after Keras has made `EarlyStopping` forget
        if state is not None and state.phase == self._phase and self._stopping:
            for name, value in state.stopping.items():
                setattr(self._stopping, name, value)
            self._stopping.best_weights = state.arrays["best"] or None

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        # The last epoch before an early stop is trained again, and stops again.
        is_due = time.monotonic() - self._written >= _EVERY_S
        if self._file and is_due and not self.model.stop_training:
            self._save(self._file, epoch + 1)
            self._written = time.monotonic()

    def _save(self, file: str, epoch: int) -> None:
        stopping = self._stopping
        arrays = {
            "model": [np.asarray(v) for v in self.model.variables],
            "optimizer": [np.asarray(v) for v in self._optimizer.variables],
            "best": list((stopping and stopping.best_weights) or []),
        }
        words = (
            {name: getattr(stopping, name) for name in _STOPPING} if stopping else {}
        )
        best = words.get("best")
        words = {**words, "best": None if best is None else float(best)}
        _State(self._phase, epoch, self.history, words, arrays).save(file)

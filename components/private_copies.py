"""Copies of what is judged or converted, which nobody changes meanwhile.

Artifacts lie where other processes can write. A gate that read them there, once for each
of its measurements, could judge other files than those whose digest it records. So it
judges a copy. The digest of the copy is the blessing's, and the Pusher compares that with
the files that it is about to push. LiteConverter does the same with what it converts.
"""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tfx import types
from tfx.dsl.io import fileio
from tfx.utils import path_utils

from tfx_distill.components.checks import Decision
from tfx_distill.components.component_specs import EXAMPLES
from tfx_distill.components.execution_inputs import ExecutionInputs, at, note_digest
from tfx_distill.trainer import file_system
from tfx_distill.trainer.errors import DistillError, ModelError

logger = logging.getLogger(__name__)

D = TypeVar("D", bound=Decision)

_BLOCK_BYTES = 2**20


class PrivateCopies:
    """Copies in one folder; `made` makes and removes it."""

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._originals: dict[str, str] = {}

    def of(
        self, inputs: ExecutionInputs, models: Iterable[str], split: str
    ) -> ExecutionInputs:
        """The inputs, with the models and the split replaced by copies.

        The examples have no other split then.

        Args:
            inputs: Those of the execution.
            models: Keys of Model artifacts; those that were not given are left out.
            split: `train`, `eval` or `test`.

        Raises:
            ModelError: If a model has no files.
            DistillError: If files change while they are copied.
        """
        moved = {}
        for key in models:
            if inputs.has(key):
                folder = os.path.join(self._folder, key)
                target = path_utils.serving_model_dir(folder)
                self.folder(inputs.model_dir(key), target)
                moved[key] = [at(inputs.artifact(key), folder)]
        if inputs.spec.num_examples.get(split):
            name = f"Split-{inputs.spec.split_name(split)}"
            folder = os.path.join(self._folder, EXAMPLES)
            source = os.path.join(inputs.uri(EXAMPLES), name)
            self.folder(source, os.path.join(folder, name))
            moved[EXAMPLES] = [at(inputs.artifact(EXAMPLES), folder)]
        return inputs.moved(moved)

    def folder(self, source: str, name: str) -> str:
        """Copies a folder.

        Args:
            source: The folder.
            name: Of the copy, or its whole path.

        Returns:
            The copy.

        Raises:
            ModelError: If there are no files.
            DistillError: If they change meanwhile.
        """
        target = os.path.join(self._folder, name)
        self._originals[target] = source
        digests = {}
        for below, path in file_system.files(source):
            copy = os.path.join(target, below)
            file_system.make_folder(os.path.dirname(copy))
            digests[below] = _copy(path, copy)
        if not digests:
            raise ModelError(
                f"No files in {source}, expected a model or examples. Check that the "
                "folder exists and can be read, then run again."
            )
        found = {below: file_system.digest(p) for below, p in file_system.files(source)}
        if found != digests:
            raise DistillError(
                f"The files in {source} changed while they were copied to be judged. "
                "Find out what writes there, then run again."
            )
        return target

    def told(self, text: str) -> str:
        """A message with the original folders instead of the copies."""
        for copy, original in self._originals.items():
            text = text.replace(copy, original)
        return text


def judge(
    inputs: ExecutionInputs,
    blessing: types.Artifact,
    models: Iterable[str],
    split: str,
    *,
    work: Callable[[ExecutionInputs, PrivateCopies], D],
    refused: Callable[[str], D],
    folder: str = "",
) -> D:
    """Judges copies of the inputs, and notes in the blessing which model they are of.

    Args:
        inputs: Those of the gate; `model` is judged.
        blessing: The gate's.
        models: See `PrivateCopies.of`.
        split: As `models`.
        work: Decides on the copies.
        refused: The decision if a model is at fault, by the reason.
        folder: Gets the copies; empty: a temporary one of this machine.
    """
    with made(folder) as copies:
        judged = inputs
        try:
            judged = copies.of(inputs, models, split)
            decision = work(judged, copies)
        except ModelError as error:
            logger.exception("A model failed")
            decision = refused(copies.told(str(error)))
        note_digest(blessing, judged.model_dir("model"), required=decision.blessed)
    return decision


@contextlib.contextmanager
def made(folder: str = "") -> Iterator[PrivateCopies]:
    """A folder for copies, removed at the end; see `judge`."""
    folder = folder or tempfile.mkdtemp(prefix="judged-")
    try:
        yield PrivateCopies(folder)
    finally:
        if fileio.exists(folder):
            fileio.rmtree(folder)


def _copy(source: str, target: str) -> str:
    """Copies a file; returns the SHA-256 of what was copied, hexadecimal."""
    digest = hashlib.sha256()
    with (
        file_system.open_file(source, "rb") as reader,
        file_system.open_file(target, "wb") as writer,
    ):
        while block := reader.read(_BLOCK_BYTES):
            digest.update(block)
            writer.write(block)
    return digest.hexdigest()

"""Teachers as files, which every process that needs them can load."""

from __future__ import annotations

import dataclasses
import functools

from tfx_distill.trainer.config.ensemble_config import AverageConfig
from tfx_distill.trainer.config.examples_config import SignatureConfig
from tfx_distill.trainer.data import example_reader
from tfx_distill.trainer.data.data_spec import DataSpec
from tfx_distill.trainer.export.saved_model import Predictor
from tfx_distill.trainer.models.teachers import Teachers

_SAMPLE = 64  # images on which probabilities are told from logits


@dataclasses.dataclass(frozen=True)
class TeacherFiles:
    """One or several teachers that are not loaded; small, and can be pickled.

    Attributes:
        model_dirs: Folders of SavedModels.
        average: How several are averaged.
        feature_layers: See `Teachers`.
        signature: How models of another origin are called, as far as they leave doubt.
        examples_dir: Folder of the Examples artifact that they are for.
        spec: What the examples look like.
    """

    model_dirs: tuple[str, ...]
    average: AverageConfig
    feature_layers: tuple[str, ...]
    signature: SignatureConfig
    examples_dir: str
    spec: DataSpec

    def load(self) -> Teachers:
        """Loads the teachers.

        Raises:
            ModelError: If one does not load, or they do not fit the examples.
        """
        load = functools.partial(
            predictor,
            signature=self.signature,
            examples_dir=self.examples_dir,
            split="train",
            spec=self.spec,
        )
        teachers = Teachers(self.model_dirs, self.average, self.feature_layers, load)
        # Before the examples are read: a teacher that does not fit fails at once.
        teachers.require_fit(self.spec)
        return teachers


def predictor(
    model_dir: str,
    signature: SignatureConfig,
    examples_dir: str,
    split: str,
    spec: DataSpec,
) -> Predictor:
    """Loads a model, anyone's, for some examples.

    Args:
        model_dir: Folder of a SavedModel.
        signature: See `TeacherFiles`.
        examples_dir: Folder of an Examples artifact.
        split: Images of this split show what another model's outputs are.
        spec: What the examples look like.

    Raises:
        ModelError: See `Predictor`.
    """
    read = functools.partial(example_reader.load_sample, examples_dir, split, spec)
    sample = functools.partial(read, _SAMPLE)
    return Predictor(model_dir, signature=signature, spec=spec, sample=sample)

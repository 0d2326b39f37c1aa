"""Where a pipeline keeps its files. Loads neither the schema nor pydantic."""

from __future__ import annotations

import pathlib
import re
import types
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from tfx_distill.trainer import file_system
from tfx_distill.trainer.config.dataset_name import dataset_name


class Places:
    """The name and folders of a pipeline, for an object with a configuration's sections."""

    if TYPE_CHECKING:
        pipeline: Any
        data: Any
        tuning: Any
        pusher: Any
        metadata: Any

    @property
    def pipeline_name(self) -> str:
        name = dataset_name(self.data.images, self.data.dataset).lower()
        dataset = re.sub(r"[^a-z0-9]+", "-", name).strip("-")
        return self.pipeline.name.replace("{dataset}", dataset or "images")

    @property
    def pipeline_dir(self) -> pathlib.Path:
        """The pipeline's own folder: artifacts, metadata, logs, serving."""
        return (
            pathlib.Path(self.pipeline.root).expanduser().absolute()
            / self.pipeline_name
        )

    @property
    def artifacts_dir(self) -> pathlib.Path:
        """TFX's `pipeline_root`."""
        return self.pipeline_dir / "artifacts"

    @property
    def serving_dir(self) -> str:
        """A folder, or an object store's URL; see `versions.at`."""
        given = self.pusher.directory
        if given is None:
            return str(self.pipeline_dir / "serving")
        if file_system.is_remote(given):
            return str(given.rstrip("/"))
        return str(pathlib.Path(given).expanduser().absolute())

    @property
    def tuning_dir(self) -> pathlib.Path:
        """Where unfinished searches are kept."""
        if self.tuning is not None and self.tuning.directory is not None:
            return pathlib.Path(self.tuning.directory).expanduser().absolute()
        return self.pipeline_dir / "tuning"


class PlainPlaces(Places):
    """Those of values that are valid for sure, such as the defaults."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            is_section = isinstance(value, Mapping)
            setattr(self, name, types.SimpleNamespace(**value) if is_section else value)

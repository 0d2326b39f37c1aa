"""Where the files of a teacher that exists already are, and how they are used."""

from __future__ import annotations

import dataclasses
import pathlib

from tfx_distill.trainer import structured_text
from tfx_distill.trainer.config.imported_config import ImportedConfig, is_function
from tfx_distill.trainer.config.section import require
from tfx_distill.trainer.config.training_config import TeacherConfig
from tfx_distill.trainer.errors import ConfigError

_CLASSES = "teacher.imported.classes"


@dataclasses.dataclass(frozen=True)
class TeacherSource:
    """What an imported teacher's nodes are made of.

    Attributes:
        uri: Its files.
        imported: Its settings, with classes as a list and no path.
        function: What builds it; None: its files hold the whole model.
        digest: SHA-256 of its files; empty if they are not on this machine.
    """

    uri: str
    imported: ImportedConfig
    function: str | None = None
    digest: str = ""


def plan(teacher: TeacherConfig, uri: str, digest: str = "") -> TeacherSource:
    """The source of a teacher whose files are at `uri`.

    Raises:
        ConfigError: If its file of class names cannot be read.
    """
    imported = teacher.imported
    if isinstance(imported.classes, str):
        imported = imported.replace(classes=_names(imported.classes))
    return TeacherSource(
        uri=uri,
        imported=imported.replace(weights=None),
        function=str(teacher.source) if is_function(teacher.source) else None,
        digest=digest,
    )


def _names(file: str) -> tuple[str, ...]:
    """Class names in a JSON list, or on the lines of a text."""
    try:
        text = structured_text.read_file(pathlib.Path(file).expanduser())
        is_json = file.endswith(".json")
        names = structured_text.from_json(text) if is_json else text.splitlines()
    except (OSError, ValueError) as error:
        raise ConfigError(f"{_CLASSES}: {file} cannot be read ({error}).") from None
    is_list = isinstance(names, list) and all(isinstance(n, str) for n in names)
    require(is_list, f"{_CLASSES}: {file}", type(names).__name__, "a list of names")
    return tuple(name.strip() for name in names if name.strip())

"""The base of all configuration sections: frozen pydantic models.

Types, ranges, defaults and a line of help are in the fields. Messages, the reference
page, the commented default file and the JSON schema are generated from them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import math
import os
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SerializationInfo,
    Strict,
    ValidationError,
    model_serializer,
    model_validator,
)
from pydantic_core import core_schema
from typing_extensions import Self

from tfx_distill.trainer import file_system, store_files
from tfx_distill.trainer.config import config_errors
from tfx_distill.trainer.errors import ConfigError

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Rule:
    """A check of one value, and the words for what it accepts.

    Attributes:
        expected: Follows "must be" in messages; the type in the reference page.
        holds: Whether a value of the right type is accepted; it may raise ValueError.
    """

    expected: str
    holds: Callable[[Any], Any] = lambda value: True

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        return core_schema.no_info_after_validator_function(
            self._check, handler(source)
        )

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> Any:
        return {**handler(schema), config_errors.EXPECTED: self.expected}

    def _check(self, value: Any) -> Any:
        if not self.holds(value):
            raise ValueError(self.expected)
        return value


def number(value: Any) -> Any:
    """YAML 1.1 reads 1e-3 as a string."""
    with contextlib.suppress(ValueError):
        return float(value) if isinstance(value, str) else value
    return value


def as_json(value: Any, key: str = "") -> Any:
    """A value that JSON keeps as it is. YAML reads the key 64 as an integer."""
    if isinstance(value, Mapping):
        return {
            str(name): as_json(item, f"{key}.{name}") for name, item in value.items()
        }
    if isinstance(value, list):
        return [as_json(item, f"{key}[{at}]") for at, item in enumerate(value)]
    is_finite = not isinstance(value, float) or math.isfinite(value)
    require(is_finite, key.removeprefix("."), value, "a finite number")
    return value


# Context of a serialization that leaves nothing out, for a reader.
WHOLE = {"whole": True}

# Constraints come before it: pydantic then knows them as those of a number.
NUMBER = BeforeValidator(number)
Share = Annotated[float, Field(ge=0, le=1), NUMBER]
PositiveNumber = Annotated[float, Field(gt=0), NUMBER]
Degrees = Annotated[float, Field(ge=0, le=180), NUMBER]
Seed = Annotated[int, Field(ge=0, le=2**31 - 1)]
# A URL would become a local folder of that name.
Folder = Annotated[str, Rule("a folder, not a URL", lambda path: _is_folder(path))]
# SQLite's file and the locks are there.
RootFolder = Annotated[
    str,
    Rule(
        "a folder of this machine; an object store takes what is pushed "
        "(pusher.directory) and what Kubeflow makes (kubeflow.pipeline_root)",
        lambda path: _is_folder(path),
    ),
]
FolderOrStore = Annotated[
    str,
    Rule(
        f"a folder, or BUCKET/FOLDER after {', '.join(store_files.SCHEMES)}",
        lambda path: (
            _is_store_url(path) if file_system.is_remote(path) else _is_path(path)
        ),
    ),
]
LocalPath = Annotated[str, Rule("a path", lambda path: _is_path(path))]
Items = Annotated[tuple[T, ...], Strict(False)]  # also accepts lists
Table = Annotated[dict[str, T], BeforeValidator(as_json)]


def _is_folder(text: str) -> bool:
    return not file_system.is_remote(text) and _is_path(text)


def _is_path(text: str) -> bool:
    """Whether a text can be a path; `~NAME` needs a user of that name."""
    is_known = not os.path.expanduser(text).startswith("~")
    return bool(text) and text.isprintable() and is_known


def _is_store_url(text: str) -> bool:
    """Whether a text is a store's URL without a query, credentials or a pattern."""
    return bool(
        re.fullmatch(
            rf"({'|'.join(store_files.SCHEMES)})[\w.-]+(/(?!\.+(/|$))[\w.=+-]+)*/?",
            text,
        )
    )


def require(condition: bool, key: str, received: Any, expected: str) -> None:
    """Raises a `ConfigError` in one line unless `condition` holds."""
    if not condition:
        text = config_errors.shown(received)
        raise ConfigError(f"{key} must be {expected}, received {text}.")


@functools.cache
def _json_schema(section: type[Section]) -> dict[str, Any]:
    return section.model_json_schema()


class Section(BaseModel):
    """A part of the configuration; it travels to executors as JSON."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        strict=True,
        allow_inf_nan=False,
        defer_build=True,  # most commands use few sections
        # A key that is a word of Python, such as `from`, is the alias of its field.
        validate_by_name=True,
        validate_by_alias=True,
        serialize_by_alias=True,
    )

    NAME: ClassVar[str | None] = None  # in the configuration; None: the class's name

    def __init__(self, **values: Any) -> None:
        """Raises a `ConfigError` for values that do not fit."""
        with self._errors(self.section_name()):
            super().__init__(**values)

    # Nested sections are validated without `__init__`, so errors keep their keys.
    __init__.__pydantic_base_init__ = True  # type: ignore[attr-defined]

    @model_validator(mode="before")
    @classmethod
    def _null_is_empty(cls, values: Any) -> Any:
        return {} if values is None else values

    @classmethod
    def section_name(cls) -> str:
        """The section's key in the configuration, such as `student`."""
        return cls.__name__[: -len("Config")].lower() if cls.NAME is None else cls.NAME

    @classmethod
    @contextlib.contextmanager
    def _errors(cls, where: str) -> Iterator[None]:
        """Turns pydantic's errors into a `ConfigError`."""
        try:
            yield
        except ValidationError as error:
            text = config_errors.describe(error, _json_schema(cls), where)
            raise ConfigError(text) from None

    @classmethod
    def build(cls, values: Any, where: str | None = None) -> Self:
        """Makes the section from plain YAML or JSON values.

        Args:
            values: Values by field name; a field left out keeps its default.
            where: Dotted path of the section for messages; None: `section_name()`.

        Raises:
            ConfigError: One line for each unknown key, which names the nearest one,
                and for each value of another type or out of range.
        """
        with cls._errors(cls.section_name() if where is None else where):
            return cls.model_validate(values)

    def replace(self, **changes: Any) -> Self:
        """Returns a validated copy with some fields changed."""
        return self.build({**dict(self), **changes})

    def to_json(self) -> str:
        """Returns JSON with sorted keys: equal sections have equal text."""
        return json.dumps(self.model_dump(), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> Self:
        return cls.build(json.loads(text))


class ShortSection(Section):
    """A section that is written without what has its default value.

    So what was made before a key existed stays cached.
    """

    @model_serializer(mode="wrap")
    def _without_defaults(
        self, handler: Any, info: SerializationInfo
    ) -> dict[str, Any]:
        if info.context == WHOLE:
            return handler(self)
        fields = type(self).model_fields
        return {
            name: value
            for name, value in handler(self).items()
            if name not in fields or value != fields[name].default
        }

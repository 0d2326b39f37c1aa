"""Reads and layers configurations: files, shipped presets, `--set key=value`."""

from __future__ import annotations

import dataclasses
import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfx_distill.pipeline.config.pipeline_places import Places, PlainPlaces
from tfx_distill.trainer import structured_text
from tfx_distill.trainer.errors import ConfigError

if TYPE_CHECKING:  # loads pydantic, which help texts do not need
    from tfx_distill.pipeline.config.schema import PipelineConfig

CONFIGS_DIR = pathlib.Path(__file__).parent / "presets"

_SUBSTITUTES = {"mnist": "digits"}
_MAX_PARTS = 20  # of a dotted key

# Sections that null turns off, also above a layer that turned them on.
_OPTIONAL = ("assistant", "tuning", "corruptions")


@dataclasses.dataclass(frozen=True)
class Layer:
    """A part of a configuration, and where it comes from."""

    source: str
    values: Mapping[str, Any]


def load_config(
    file: str | os.PathLike[str] | None = None,
    overrides: Sequence[str] = (),
    *,
    dataset: str | None = None,
) -> PipelineConfig:
    """Reads, layers and checks a configuration.

    Args:
        file: A YAML file, or the name of a shipped one (`article`, `smoke`).
        overrides: `key=value` strings; the value is YAML.
        dataset: Replaces `data.dataset` above every layer: how a local run
            falls back to `digits`.

    Raises:
        ConfigError: With one line for each thing that does not fit.
    """
    return load_layers(file, overrides, dataset=dataset)[0]


def load_layers(
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
    *,
    dataset: str | None = None,
) -> tuple[PipelineConfig, list[Layer]]:
    """As `load_config`, and the layers over the fields' defaults, the lowest first."""
    from tfx_distill.pipeline.config.schema import MANUAL_DIR_VARIABLE, PipelineConfig

    layers = [Layer(f"--config {file}", read_file(file))] if file is not None else []
    layers += [Layer(f"--set {text}", _override(text)) for text in overrides]
    layers = [Layer(one.source, _with_gate(one.values)) for one in layers]
    if dataset is not None:
        # `manual_dir` names the files of the data set that is not available.
        values = {"data": {"dataset": dataset, "manual_dir": None}}
        layers.append(Layer("the fallback to another data set", values))

    def built() -> PipelineConfig:
        return PipelineConfig.build(_merged([layer.values for layer in layers]))

    # Checked twice: the first time to know the data set, whose layer lies below.
    config = built()
    path = _dataset_file(config.data.dataset)
    if path.is_file() and not config.data.images:
        layers.insert(0, Layer(f"the data set's file {path.name}", read_file(path)))
        config = built()
    manual_dir = os.environ.get(MANUAL_DIR_VARIABLE)
    if config.data.manual_dir is None and manual_dir:
        values = {"data": {"manual_dir": manual_dir}}
        layers.append(Layer(f"the variable {MANUAL_DIR_VARIABLE}", values))
        config = built()
    return config, layers


def load_fallback(
    config: PipelineConfig,
    file: str | os.PathLike[str] | None,
    overrides: Sequence[str],
) -> PipelineConfig | None:
    """The configuration that a local run falls back to if the data are unavailable.

    Args:
        config: What `file` and `overrides` say.
        file: As in `load_config`.
        overrides: As in `load_config`.

    Returns:
        None if the data set may not be replaced.
    """
    substitute = _SUBSTITUTES.get(config.data.dataset.split(":")[0])
    if config.data.images or not config.data.substitute or substitute is None:
        return None
    return load_config(file, overrides, dataset=substitute)


def _with_gate(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """`gate: auto` as all its keys: they hide what lies below, and keys may follow."""
    from tfx_distill.trainer.config.gate_config import AUTO, GateConfig

    is_auto = values.get("gate") == AUTO
    return {**values, "gate": GateConfig().model_dump()} if is_auto else values


def load_places(
    file: str | os.PathLike[str] | None, overrides: Sequence[str]
) -> Places:
    """Reads where a pipeline keeps its files; takes as `load_config` does.

    Loading the schema takes half the time of a command that lists runs. The defaults
    need no check.
    """
    if file is None and not overrides:
        return PlainPlaces(read_file("default"))
    return load_config(file, overrides)


def shipped_names() -> list[str]:
    return sorted(path.stem for path in CONFIGS_DIR.glob("*.yaml"))


def read_file(file: str | os.PathLike[str]) -> dict[str, Any]:
    """Returns the mapping in a YAML file, or in a shipped one by its name."""
    # Nothing in the current folder hides a shipped configuration; ./NAME is a file.
    is_shipped = str(file) in shipped_names()
    path = CONFIGS_DIR / f"{file}.yaml" if is_shipped else pathlib.Path(file)
    advice = f"Give a YAML file or one of {', '.join(shipped_names())}."
    values = read_yaml(path, f"Configuration file {file}", advice)
    if values is None:
        return {}
    if not isinstance(values, Mapping):
        raise ConfigError(
            f"Configuration file {file} must be a mapping of sections, "
            f"received {type(values).__name__}."
        )
    return dict(values)


def read_yaml(path: pathlib.Path, name: str, advice: str) -> Any:
    """Returns the content of a YAML file.

    Args:
        path: The file.
        name: Its name in an error.
        advice: What to do if it is unreadable, as a sentence.

    Raises:
        ConfigError: If it is unreadable or not YAML, in one line.
    """
    try:
        return structured_text.from_yaml(structured_text.read_file(path))
    except OSError as error:
        raise ConfigError(
            f"{name} cannot be read ({error.strerror}). {advice}"
        ) from None
    except ValueError as error:
        raise ConfigError(f"{name} is not valid YAML: {error}.") from None


def _dataset_file(name: str) -> pathlib.Path:
    return CONFIGS_DIR / "datasets" / f"{name.split('/')[0].split(':')[0]}.yaml"


def _override(text: str) -> dict[str, Any]:
    key, equals, value = text.partition("=")
    is_text = text.isascii() or text.encode(errors="ignore").decode() == text
    if not equals or not key.strip() or not is_text:
        raise ConfigError(
            f"--set must be key=value, received {text[:80]!r}. "
            "For example --set distillation.temperature=2, as UTF-8 text."
        )
    try:
        parsed = structured_text.from_yaml(value)
    except ValueError:
        parsed = value
    parts = key.strip().split(".")
    if len(parts) > _MAX_PARTS:
        raise ConfigError(f"Unknown configuration key {key[:80]!r}: too many dots.")
    for part in reversed(parts):
        parsed = {part: parsed}
    return parsed


def _merged(layers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for layer in layers:
        for key, value in layer.items():
            old = result.get(key)
            if isinstance(old, Mapping) and isinstance(value, Mapping):
                result[key] = _merged([old, value])
            elif isinstance(old, Mapping) and value is None and key not in _OPTIONAL:
                continue  # `section:` with nothing under it
            else:
                result[key] = value
    return result

"""Makes objects of Keras from their names and arguments in the configuration."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import keras

from tfx_distill.trainer import user_modules
from tfx_distill.trainer.config import config_errors
from tfx_distill.trainer.config.keras_config import KerasConfig, OptimizerConfig
from tfx_distill.trainer.config.training_config import TrainingConfig
from tfx_distill.trainer.errors import ConfigError, first_line

# What the configuration decides elsewhere, or Keras for itself.
_NOT_SET_HERE = ("self", "args", "kwargs", "learning_rate", "name", "seed")


def optimizer(config: OptimizerConfig, learning_rate: Any, section: str) -> Any:
    """A new optimizer.

    Args:
        config: Name and arguments.
        learning_rate: A number, or a schedule.
        section: Section of the model that it trains, such as `student`, for messages.

    Raises:
        ConfigError: If Keras has no such optimizer, or refuses the arguments.
    """
    known = _classes(keras.optimizers, keras.optimizers.Optimizer)
    return make(config, known, f"{section}.optimizer", learning_rate=learning_rate)


def layer(config: KerasConfig, key: str) -> keras.layers.Layer:
    """A new layer that changes images; errors as `optimizer`."""
    base = keras.layers.RandomFlip.__mro__[1]  # has no public name
    known = _classes(keras.layers, base)
    return make(config, known, key, dtype="float32")


def function(path: str, key: str) -> Callable[..., Any]:
    """The user's function at a dotted path.

    Raises:
        ConfigError: If there is none.
    """
    module_name, _, name = path.rpartition(".")
    try:
        found = getattr(user_modules.load(module_name), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"{key}: no function {path} ({error}).") from None
    if not callable(found):
        raise ConfigError(f"{key}: {path} is not a function.")
    return found


def augmentation(config: TrainingConfig) -> list[Any]:
    """The layer, or the user's function, of each step of a recipe's augmentation.

    Raises:
        ConfigError: As `layer` and `function`.
    """
    made = []
    for number, step in enumerate(config.augmentation):
        key = f"{config.section_name()}.augmentation[{number}]"
        made.append(function(step.name, key) if step.is_function else layer(step, key))
    return made


def require_known(config: TrainingConfig) -> None:
    """Refuses a recipe whose optimizer or augmentation Keras or Python do not know.

    Raises:
        ConfigError: In one line, with the nearest name.
    """
    optimizer(config.optimizer, config.learning_rate, config.section_name())
    augmentation(config)


def make(
    config: KerasConfig, known: Mapping[str, Any], key: str, **further: Any
) -> Any:
    """A new object.

    Args:
        config: Name, in any case, and arguments.
        known: Classes by name.
        key: Where the configuration names it.
        **further: Arguments that are not configured.

    Raises:
        ConfigError: If no class has this name, or it refuses the arguments.
    """
    by_name = {name.lower(): kind for name, kind in known.items()}
    kind = by_name.get(config.name.lower())
    if kind is None:
        raise ConfigError(config_errors.unknown(f"{key}.name", config.name, known))
    accepted = set(inspect.signature(kind).parameters) - {*_NOT_SET_HERE}
    for name in config.arguments:
        if name not in accepted:
            what = f"argument of Keras's {kind.__name__} in {key}:"
            raise ConfigError(config_errors.unknown(what, name, accepted))
    try:
        return kind(**further, **config.arguments)
    except (TypeError, ValueError) as error:
        raise ConfigError(
            f"{key}: Keras's {kind.__name__} refuses {config.arguments}: "
            f"{first_line(error)}"
        ) from None


def _classes(module: Any, base: type) -> dict[str, Any]:
    """The classes of a module that are made of a base, without the base itself."""
    return {
        name: kind
        for name, kind in vars(module).items()
        if inspect.isclass(kind) and issubclass(kind, base) and kind is not base
    }

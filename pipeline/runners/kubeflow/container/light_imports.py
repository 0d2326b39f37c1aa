"""Runs executors that need no TensorFlow without loading it.

TFX's entry point loads TensorFlow, Beam and every component of TFX, which takes longer
than most of what these executors do. TFX itself works where TensorFlow is not installed;
what else its entry point imports and they do not use is left out here.
"""

from __future__ import annotations

import ast
import importlib.util
import pathlib
import sys
import types
from typing import Any

# They, and what they import, must do without: see the test of this module.
EXECUTORS = frozenset(
    f"tfx_distill.components.{name}.executor.Executor"
    for name in ("anomaly_gate", "model_registration", "pusher")
)
# Packages whose modules are used, while they themselves import everything.
_PACKAGES = ("kfp", "tfx.components")
# Compared with the executor's class alone.
_CLASSES = {
    "tfx.components.evaluator.executor": "Executor",
    "tfx.dsl.components.base.base_beam_executor": "BaseBeamExecutor",
}
# Names of keys, among specifications made of other libraries' types.
_KEYS = "tfx.types.standard_component_specs"


def leave_out(executor: str) -> bool:
    """Lets a process import TFX without TensorFlow and Beam, if an executor needs none.

    Args:
        executor: Dotted path of its class. Must come before anything imports TFX.

    Returns:
        Whether it does.
    """
    if executor not in EXECUTORS or "tensorflow" in sys.modules:
        return False
    sys.modules["tensorflow"] = None  # type: ignore[assignment]
    for name in _PACKAGES:
        _module(name, __path__=list(_spec(name).submodule_search_locations or ()))
    for name, kind in _CLASSES.items():
        _module(name, **{kind: type(kind, (), {})})
    _module(_KEYS, **_texts(_spec(_KEYS).origin))
    from google.protobuf import json_format
    from tfx.orchestration.kubeflow.v2.container import kubeflow_v2_run_executor

    # TFX writes its text to a binary file, as TensorFlow allows, and Python does not.
    kubeflow_v2_run_executor.json_format = types.SimpleNamespace(
        Parse=json_format.Parse,
        MessageToJson=lambda message: json_format.MessageToJson(message).encode(),
    )
    return True


def _module(name: str, **content: Any) -> None:
    """Puts a module in the place of one that is not to be imported."""
    module = types.ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    parent, _, child = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], child, module)


def _spec(name: str) -> Any:
    spec = importlib.util.find_spec(name)
    if spec is None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)
    return spec


def _texts(path: str) -> dict[str, str]:
    """The constants of a module that are plain text, without running it."""
    tree = ast.parse(pathlib.Path(path).read_text(encoding="utf-8"))
    return {
        node.targets[0].id: node.value.value
        for node in tree.body
        if isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    }

"""Evaluates conditions of tasks, in the subset of CEL that TFX and KFP's SDK write."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Mapping
from typing import Any

from tfx_distill.pipeline.runners.kubeflow.kubeflow_errors import RehearsalError

_TOKENS = re.compile(r"'[^']*'|&&|\|\||!(?!=)|\b(?:true|false)\b")
_PYTHON = {"&&": " and ", "||": " or ", "!": " not ", "true": "True", "false": "False"}
# Fields of an ExecutorInput that CEL and JSON name differently.
_FIELDS = {"parameter_values": "parameterValues"}
_COMPARISONS: dict[type, Any] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}


def holds(condition: str, inputs: Mapping[str, Any]) -> bool:
    """Whether a task must run.

    Args:
        condition: Such as `inputs.artifacts['x'].artifacts[0].metadata['blessed'] == 1.0`.
        inputs: The part `inputs` of its ExecutorInput.

    Raises:
        RehearsalError: If the server's driver would fail.
    """
    text = _TOKENS.sub(lambda match: _PYTHON.get(match[0], match[0]), condition)
    try:
        value = _value(ast.parse(text.strip(), mode="eval").body, inputs)
    except (SyntaxError, KeyError, IndexError, TypeError) as error:
        raise RehearsalError(
            f"The condition {condition} cannot be evaluated: {error}."
        ) from None
    if not isinstance(value, bool):
        raise RehearsalError(
            f"The condition {condition} gives {value!r}, which is not a boolean."
        )
    return value


def _value(node: ast.expr, inputs: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, ast.Name) and node.id == "inputs":
        return inputs
    if isinstance(node, ast.Attribute):
        return _value(node.value, inputs)[_FIELDS.get(node.attr, node.attr)]
    if isinstance(node, ast.Subscript):
        return _value(node.value, inputs)[_value(node.slice, inputs)]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        return not _value(node.operand, inputs)
    if isinstance(node, ast.BoolOp):
        values = [_value(value, inputs) for value in node.values]
        return all(values) if isinstance(node.op, ast.And) else any(values)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _value(node.left, inputs) + _value(node.right, inputs)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        compare = _COMPARISONS[type(node.ops[0])]
        return compare(_value(node.left, inputs), _value(node.comparators[0], inputs))
    raise TypeError(f"{ast.unparse(node)} is not supported here")

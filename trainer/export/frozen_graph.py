"""The graph of a served function with its weights as constants, for LiteRT.

What is converted is what a server runs: no Keras model has to load, and models of any
layers, or of another's making, are converted alike.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

# TensorFlow has no public name for it and offers no alternative.
from tensorflow.python.framework.convert_to_constants import (
    convert_variables_to_constants_v2,
)

from tfx_distill.trainer.errors import ModelError

_FLOAT = tf.float32.as_datatype_enum
_HALF = {tf.float16.as_datatype_enum, tf.bfloat16.as_datatype_enum}
_INLINED = "StatefulPartitionedCall/"
_NAME = re.compile(r"[^^:]+(?=$|:)")


def freeze(function: Any, *, float_input: bool = False) -> Any:
    """Makes constants of a concrete function's variables, and float32 of half floats.

    LiteRT has no bfloat16, and computes float16 only on some accelerators.

    Args:
        function: From one tensor to one tensor.
        float_input: Take the same numbers as float32; the input may only be cast.

    Returns:
        A concrete function without variables.

    Raises:
        ModelError: If the graph does more with an integer input than cast it.
    """
    # Left to freeze a Keras 3 model itself, TensorFlow 2.16's converter aborts.
    frozen = convert_variables_to_constants_v2(function)
    graph = frozen.graph.as_graph_def()
    (taken,), (given,) = frozen.inputs, frozen.outputs
    for nodes in (graph.node, *(inner.node_def for inner in graph.library.function)):
        _without_half_floats(nodes)
    for inner in graph.library.function:
        for argument in (*inner.signature.input_arg, *inner.signature.output_arg):
            argument.type = _FLOAT if argument.type in _HALF else argument.type
    if float_input:
        _take_floats(graph.node, taken.op.name)
    _shorten_names(graph.node)
    wrapped = tf.compat.v1.wrap_function(
        lambda: tf.graph_util.import_graph_def(graph, name=""), []
    )
    tensor = wrapped.graph.get_tensor_by_name
    return wrapped.prune(tensor(taken.name), tensor(given.name))


def _without_half_floats(nodes: Iterable[Any]) -> None:
    for value in (value for node in nodes for value in node.attr.values()):
        kind = value.WhichOneof("value")  # reading another one would set it
        if kind == "type" and value.type in _HALF:
            value.type = _FLOAT
        elif kind == "list":
            value.list.type[:] = [_FLOAT if t in _HALF else t for t in value.list.type]
        elif kind == "tensor" and value.tensor.dtype in _HALF:
            numbers = tf.make_ndarray(value.tensor).astype("float32")
            value.tensor.CopyFrom(tf.make_tensor_proto(numbers))


def _shorten_names(nodes: Sequence[Any]) -> None:
    """Leaves out what inlining put in front of names, which become part of the file."""
    used, shorter = {node.name for node in nodes}, {}
    for node in nodes:
        name = node.name.replace(_INLINED, "")
        if name not in used:
            used.add(name)
            shorter[node.name] = node.name = name
    for node in nodes:
        # `^name` waits for a node, `name:1` is one of its outputs.
        node.input[:] = [
            _NAME.sub(lambda found: shorter.get(found[0], found[0]), source)
            for source in node.input
        ]


def _take_floats(nodes: Sequence[Any], name: str) -> None:
    """Makes float32 of an integer input: of an integer, no range can be calibrated."""
    for node in nodes:
        if node.name == name:
            key = "dtype" if node.op == "Placeholder" else "T"
            node.attr[key].type = _FLOAT
        elif name in (source.split(":")[0] for source in node.input):
            if node.op == "Cast":
                node.attr["SrcT"].type = _FLOAT
            elif node.op == "Identity":
                _take_floats(nodes, node.name)
            else:
                raise ModelError(f"its pixels go into {node.op} before they are cast")

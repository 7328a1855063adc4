"""In which order the kernels of a training step run, where the data alone leave it open."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf

# Ops whose result is their input's memory by another name
SAME_MEMORY = ("Identity", "StopGradient", "Reshape", "ExpandDims", "Squeeze")


def readers(variable: tf.Variable) -> list[tf.Operation]:
    """What works with the variable's value in the graph that is being traced.

    A kernel that moves the variable waits for them: it writes into the variable's memory if nobody holds it, else into a copy.
    """
    if tf.executing_eagerly():
        return []
    graph = tf.compat.v1.get_default_graph()
    reads = [op for op in graph.capture(variable.handle).consumers() if op.type == "ReadVariableOp"]
    return [op for read in reads for op in _consumers(read.outputs[0])]


def _consumers(tensor: tf.Tensor) -> Iterator[tf.Operation]:
    """What works with the tensor, or with the same memory by another name."""
    for op in tensor.consumers():
        yield op
        if op.type in SAME_MEMORY:
            yield from _consumers(op.outputs[0])


def weights_first(wanted: Sequence[Any], gradients: Sequence[Any], made: set[tf.Operation]) -> None:
    """Of the two gradients of a layer, the one by its weight is computed before the one by its input.

    Both read the gradient by the layer's output, and the layer below reads the gradient by the input: in this order each finds what
    it reads in the cache, and the layer's input is freed early. Left alone, TensorFlow may go down through all layers first.

    Args:
        wanted: Variables; whatever else was asked for is passed over.
        gradients: By each of them.
        made: What was added to the graph for the gradients.
    """
    for variable, gradient in zip(wanted, gradients, strict=True):
        if not isinstance(variable, tf.Variable) or not isinstance(gradient, tf.Tensor):
            continue
        by_weight = gradient.op
        for by_input in readers(variable):
            if by_input in made and by_input is not by_weight and _may_wait(by_input, by_weight, made):
                by_input._add_control_input(by_weight)  # tf.control_dependencies is for what is not made yet


def _may_wait(by_input: tf.Operation, by_weight: tf.Operation, made: set[tf.Operation]) -> bool:
    """Whether both begin with the gradient by one output, and `by_weight` needs nothing else that is not there before gradients are.

    It can then be computed as soon as that gradient is, so that nobody waits in a circle.
    """
    given = {tensor.ref() for tensor in by_input.inputs}
    others = [tensor.op for tensor in by_weight.inputs if tensor.ref() not in given]
    early = all(op not in made or (op is not by_input and _is_early(op, made)) for op in others)  # as a shape is
    return early and len(others) < len(by_weight.inputs)


def _is_early(op: tf.Operation, made: set[tf.Operation]) -> bool:
    return all(tensor.op not in made for tensor in op.inputs)

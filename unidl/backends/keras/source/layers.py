"""Dense, Embedding, Dropout, activations, shapes, merging, normalization: Keras' own layers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import ops
from unidl.backends.keras.layers.merging import adds
from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.language import Arrays, Calling, Making, Row
from unidl.description.plan import LayerPlan
from unidl.graph.spec import TensorSpec
from unidl.layers import (
    Activation,
    Add,
    Average,
    BatchNormalization,
    Concatenate,
    Dense,
    Dropout,
    Embedding,
    Flatten,
    LayerNormalization,
    Maximum,
    Minimum,
    Multiply,
    ReLU,
    Reshape,
    Softmax,
    Subtract,
)

ACTIVATIONS: dict[Any, str] = {
    ops.elu: "elu", ops.gelu: "gelu", ops.hard_sigmoid: "hard_sigmoid", ops.hard_silu: "hard_silu",
    ops.log_sigmoid: "log_sigmoid", ops.log_softmax: "log_softmax", ops.mish: "mish", ops.relu: "relu", ops.relu6: "relu6",
    ops.selu: "selu", ops.sigmoid: "sigmoid", ops.silu: "silu", ops.softmax: "softmax", ops.softplus: "softplus",
    ops.softsign: "softsign", ops.tanh: "tanh",
}  # fmt: skip


def activation(m: Making, function: Any, usual: Any = ops.identity) -> Any:
    """An activation as an argument: its name, a function of the file, or None for the usual one."""
    if function is usual:
        return None
    if function is ops.identity:
        return "linear"
    if function in ACTIVATIONS:
        return ACTIVATIONS[function]
    spec = TensorSpec((None,) * max(2, len(m.plan.output_shapes[0])), m.plan.dtype)
    name = str(getattr(function, "name", None) or getattr(function, "__name__", "activation"))
    return Code(m.author.function(function, spec, name))


def made(cls: str, **arguments: Callable[[Any], Any]) -> Callable[[Making], str]:
    """The constructor of a Keras layer, with the arguments that are not None."""

    def write(m: Making) -> str:
        return call(f"layers.{cls}", **{k: f(m) for k, f in arguments.items()}, name=m.name).text

    return write


def called(c: Calling) -> Code:
    """The layer on its first input."""
    return c.of(c.x)


def as_they_are(plan: LayerPlan, w: Arrays) -> Arrays:
    """Keras' names and layouts are the canonical ones."""
    return w


def reads(plan: LayerPlan, name: str, me: str) -> str:
    """Likewise."""
    return f"{me}.{name}"


def _dense(m: Making) -> str:
    bias = None if m.layer.use_bias else False
    function = activation(m, m.layer.activation)
    return call("layers.Dense", m.layer.units, activation=function, use_bias=bias, name=m.name).text


def _batch_norm(m: Making) -> str:
    m.note = "Keras' moving_variance follows the biased variance of a batch, unidl's the unbiased one"
    return call(
        "layers.BatchNormalization",
        momentum=m.layer.momentum if m.layer.momentum != 0.99 else None,
        epsilon=m.layer.epsilon if m.layer.epsilon != 1e-3 else None,
        center=None if m.layer.center else False,
        scale=None if m.layer.scale else False,
        name=m.name,
    ).text


def _layer_norm(m: Making) -> str:
    axes = m.plan.attributes["axes"]
    axes = axes[0] if len(axes) == 1 else list(axes)
    last = axes == len(m.plan.input_shapes[0]) - 1
    return call(
        "layers.LayerNormalization",
        axis=None if last else axes,
        epsilon=m.layer.epsilon if m.layer.epsilon != 1e-3 else None,
        center=None if m.layer.center else False,
        scale=None if m.layer.scale else False,
        name=m.name,
    ).text


def _embedding(m: Making) -> str:
    m.note = "Keras takes a negative index for one from the end; unidl refuses it"
    return call("layers.Embedding", m.layer.input_dim, m.layer.output_dim, name=m.name).text


def _tie(name: str) -> Callable[[Making], str]:
    def write(m: Making) -> str:
        m.note = "at a tie Keras on TensorFlow gives the first input all of the gradient, unidl each a share"
        return call(f"layers.{name}", name=m.name).text

    return write


LAYERS: dict[type, Row] = {
    Dense: Row(called, _dense, as_they_are, reads=reads),
    Embedding: Row(called, _embedding, as_they_are, reads=reads),
    Dropout: Row(
        called,
        lambda m: call("layers.Dropout", m.layer.rate, name=m.name).text,
        trains=lambda plan: plan.layer.rate > 0,  # type: ignore[attr-defined]
    ),
    Flatten: Row(called, made("Flatten")),
    Reshape: Row(called, lambda m: call("layers.Reshape", tuple(m.layer.target_shape), name=m.name).text),
    Activation: Row(
        called, lambda m: call("layers.Activation", activation(m, m.layer.activation, None), name=m.name).text
    ),
    ReLU: Row(called, made("ReLU")),
    Softmax: Row(called, made("Softmax", axis=lambda m: None if m.layer.axis == -1 else m.layer.axis)),
    Add: Row(called, made("Add"), serves=adds),
    Subtract: Row(called, made("Subtract")),
    Multiply: Row(called, made("Multiply")),
    Average: Row(called, made("Average"), serves=adds),
    Maximum: Row(called, _tie("Maximum")),
    Minimum: Row(called, _tie("Minimum")),
    Concatenate: Row(called, made("Concatenate", axis=lambda m: None if m.layer.axis == -1 else m.layer.axis)),
    BatchNormalization: Row(called, _batch_norm, as_they_are, trains=lambda plan: True, reads=reads),
    LayerNormalization: Row(called, _layer_norm, as_they_are, reads=reads),
}

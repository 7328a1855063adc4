"""Hand-written objects of torch's and Keras' classes, and unidl's layer that is to compute the same with their weights: drawn, as data.

How the layer is called (masks of three or four axes, lengths, integers) and with which activation decides how unidl runs it; what the
framework's class calls its weights does not depend on that.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.conformance.case import ENGINE
from tests.conformance.user_layers import bent
from unidl import layers

SIZES = st.sampled_from([1, 2, 3, 5])  # equal ones on purpose


def _called(native: Any, *inputs: Any) -> Any:
    return native(*inputs)


@dataclass
class Twin:
    """An object and its description.

    Args:
        layer: unidl's layer.
        make: Makes the framework's object.
        inputs: Of both, in order.
        run: Computes with the object, in inference: `run(native, *inputs)`.
        named: Inputs of the layer by name.
        options: Plain arguments of its forward.
    """

    layer: layers.Layer
    make: Callable[[], Any]
    inputs: tuple[np.ndarray, ...]
    run: Callable[..., Any] = _called
    named: Mapping[str, np.ndarray] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)

    def __repr__(self) -> str:
        shapes = [np.shape(a) for a in (*self.inputs, *self.named.values())]
        return f"Twin({self.layer!r}, {shapes}, {list(self.named)}, {dict(self.options)})"


def array(draw: Any, *shape: int) -> np.ndarray:
    """Normal numbers."""
    return np.random.default_rng(draw(st.integers(0, 99))).normal(size=shape).astype("float32")


def mask_of(draw: Any, *shape: int) -> np.ndarray:
    """Truth values, of which the last axis has one True at least."""
    mask = np.random.default_rng(draw(st.integers(0, 99))).random(shape) < 0.6
    mask[..., 0] = True
    return mask


ACTIVATIONS = st.sampled_from([None, "relu", "gelu_tanh", bent])


# -- torch -------------------------------------------------------------------------------------------------------------------


def _torch() -> Any:
    import torch

    return torch


def _activated(activation: Any) -> Callable[[Any], Any]:
    """The activation, for torch's tensors."""
    from unidl import ops

    return ops.get_activation(activation)


@st.composite
def torch_dense(draw: Any) -> Twin:
    size, units, bias, activation = draw(SIZES), draw(SIZES), draw(st.booleans()), draw(ACTIVATIONS)
    make = partial(_torch().nn.Linear, size, units, bias=bias)
    x = array(draw, *draw(st.lists(SIZES, min_size=1, max_size=3)), size)
    if draw(st.booleans()):
        x = x.round().astype("int32")  # the definition lifts them
    run = lambda native, x: _activated(activation)(native(x.float()))  # noqa: E731
    return Twin(layers.Dense(units, activation, use_bias=bias), make, (x,), run)


@st.composite
def torch_conv(draw: Any) -> Twin:
    channels, filters, bias, activation = draw(SIZES), draw(SIZES), draw(st.booleans()), draw(ACTIVATIONS)
    groups = channels if draw(st.booleans()) else 1
    size, strides, dilation = ((draw(SIZES) + 1) // 2 for _ in range(3))
    dilation = dilation if strides == 1 else 1  # not both: the layer refuses it
    given = {"bias": bias, "stride": strides, "dilation": dilation, "groups": groups}
    make = partial(_torch().nn.Conv2d, channels, filters * groups, size, **given)
    layer = layers.Conv2D(
        filters * groups, size, strides, dilation_rate=dilation, groups=groups, activation=activation, use_bias=bias
    )
    run = lambda native, x: _activated(activation)(native(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1))  # noqa: E731
    return Twin(layer, make, (array(draw, 2, 8, 7, channels),), run)


@st.composite
def torch_transposed(draw: Any) -> Twin:
    channels, filters, bias, size = draw(SIZES), draw(SIZES), draw(st.booleans()), draw(SIZES)
    strides = draw(st.integers(1, size))
    make = partial(_torch().nn.ConvTranspose2d, channels, filters, size, stride=strides, bias=bias)
    run = lambda native, x: native(x.permute(0, 3, 1, 2)).permute(0, 2, 3, 1)  # noqa: E731
    layer = layers.Conv2DTranspose(filters, size, strides, use_bias=bias)
    return Twin(layer, make, (array(draw, 2, 3, 4, channels),), run)


@st.composite
def torch_batch_normalization(draw: Any) -> Twin:
    torch, channels, rank = _torch(), draw(SIZES), draw(st.integers(2, 5))
    affine = draw(st.booleans())
    bias = affine and draw(st.booleans())
    cls = {2: torch.nn.BatchNorm1d, 3: torch.nn.BatchNorm1d, 4: torch.nn.BatchNorm2d, 5: torch.nn.BatchNorm3d}[rank]
    make = partial(cls, channels, affine=affine, bias=bias)
    layer = layers.BatchNormalization(scale=affine, center=bias)
    x = array(draw, 2, *[draw(SIZES) for _ in range(rank - 2)], channels)
    return Twin(layer, make, (x,), lambda native, x: native(x.movedim(-1, 1)).movedim(1, -1))


@st.composite
def torch_layer_normalization(draw: Any) -> Twin:
    shape = [draw(SIZES) for _ in range(draw(st.integers(1, 3)))]
    trailing = draw(st.integers(1, len(shape)))
    affine = draw(st.booleans())
    bias = affine and draw(st.booleans())
    make = partial(_torch().nn.LayerNorm, shape[-trailing:], elementwise_affine=affine, bias=bias)
    layer = layers.LayerNormalization(tuple(range(-trailing, 0)), scale=affine, center=bias)
    return Twin(layer, make, (array(draw, 2, *shape),))


@st.composite
def torch_embedding(draw: Any) -> Twin:
    size, units = draw(SIZES), draw(SIZES)
    make = partial(_torch().nn.Embedding, size, units)
    dtype = draw(st.sampled_from(["uint8", "int32", "int64"]))
    x = np.random.default_rng(0).integers(0, size, (3, 2)).astype(dtype)
    return Twin(layers.Embedding(size, units), make, (x,), lambda native, x: native(x.long()))


@st.composite
def torch_lstm(draw: Any) -> Twin:
    torch, features, units, bias = _torch(), draw(SIZES), draw(SIZES), draw(st.booleans())
    time, sequences, backwards = draw(SIZES), draw(st.booleans()), draw(st.booleans())
    make = partial(torch.nn.LSTM, features, units, bias=bias, batch_first=True)
    layer = layers.LSTM(units, use_bias=bias, return_sequences=sequences, go_backwards=backwards)
    how = draw(st.sampled_from(["plain", "mask", "lengths"]))  # of which nothing is masked, as torch has no mask
    named = {"plain": {}, "mask": {"mask": np.ones((2, time), bool)}, "lengths": {"lengths": np.full(2, time)}}[how]

    def run(native: Any, x: Any) -> Any:
        y, _ = native(x.flip(1) if backwards else x)
        return y if sequences else y[:, -1]

    return Twin(layer, make, (array(draw, 2, time, features),), run, named)


@st.composite
def torch_attention(draw: Any, axes: int | None = None) -> Twin:
    torch, heads, width, bias = _torch(), draw(SIZES), draw(SIZES), draw(st.booleans())
    features, t, s = heads * width, draw(SIZES), draw(SIZES)
    other = draw(st.booleans())
    widths = (draw(SIZES), draw(SIZES)) if other else (features, features)
    given = {"bias": bias, "kdim": widths[0], "vdim": widths[1], "batch_first": True}
    make = partial(torch.nn.MultiheadAttention, features, heads, **given)
    query = array(draw, 2, t, features)
    value, key = (array(draw, 2, s, n) for n in (widths[1], widths[0]))
    axes = draw(st.sampled_from([0, 3, 4])) if axes is None else axes
    shape = {0: None, 3: (2, t, s), 4: (2, draw(st.sampled_from([1, heads])), t, s)}[axes]
    mask = None if shape is None else mask_of(draw, *shape)

    def run(native: Any, query: Any, value: Any, key: Any) -> Any:
        if mask is None:
            return native(query, key, value, need_weights=False)[0]
        whole = torch.tensor(mask if axes == 4 else mask[:, None]).expand(2, heads, t, s).reshape(2 * heads, t, s)
        return native(query, key, value, attn_mask=~whole, need_weights=False)[0]

    dropout = draw(st.sampled_from([0.0, 0.3]))
    layer = layers.MultiHeadAttention(heads, width, use_bias=bias, dropout=dropout)
    return Twin(layer, make, (query, value, key), run, {} if mask is None else {"mask": mask})


TORCH: dict[str, Any] = {
    "Linear": torch_dense(), "Conv2d": torch_conv(), "ConvTranspose2d": torch_transposed(),
    "BatchNorm": torch_batch_normalization(), "LayerNorm": torch_layer_normalization(), "Embedding": torch_embedding(),
    "LSTM": torch_lstm(), "MultiheadAttention": torch_attention(),
}  # fmt: skip


# -- Keras -------------------------------------------------------------------------------------------------------------------


def _keras() -> Any:
    from unidl.backends import registry

    return registry.load("keras").keras


@st.composite
def keras_dense(draw: Any) -> Twin:
    units, bias, activation = draw(SIZES), draw(st.booleans()), draw(st.sampled_from([None, "relu", bent]))
    make = partial(_keras().layers.Dense, units, use_bias=bias, activation=activation, name="layer")
    x = array(draw, *draw(st.lists(SIZES, min_size=1, max_size=3)), draw(SIZES))
    return Twin(layers.Dense(units, activation, use_bias=bias), make, (x,))


@st.composite
def keras_conv(draw: Any) -> Twin:
    filters, bias, size = draw(SIZES), draw(st.booleans()), draw(SIZES)
    padding = draw(st.sampled_from(["valid", "same"]))
    transposed = draw(st.booleans())
    cls, own = ("Conv2DTranspose", layers.Conv2DTranspose) if transposed else ("Conv2D", layers.Conv2D)
    make = partial(getattr(_keras().layers, cls), filters, size, padding=padding, use_bias=bias, name="layer")
    layer = own(filters, size, padding=padding, use_bias=bias)
    return Twin(layer, make, (array(draw, 2, 6, 5, draw(SIZES)),))


@st.composite
def keras_normalization(draw: Any) -> Twin:
    scale, center = draw(st.booleans()), draw(st.booleans())
    shape = [draw(SIZES) for _ in range(draw(st.integers(1, 4)))]
    if draw(st.booleans()):
        make = partial(_keras().layers.BatchNormalization, scale=scale, center=center, epsilon=1e-5, name="layer")
        layer: Any = layers.BatchNormalization(scale=scale, center=center)
    else:
        axis = draw(st.lists(st.integers(1, len(shape)), min_size=1, max_size=2, unique=True))
        if ENGINE == "torch":  # where Keras' own takes trailing axes only
            axis = list(range(len(shape) + 1 - len(axis), len(shape) + 1))
        make = partial(_keras().layers.LayerNormalization, axis, scale=scale, center=center, epsilon=1e-5, name="layer")
        layer = layers.LayerNormalization(tuple(axis), scale=scale, center=center)
    return Twin(layer, make, (array(draw, 2, *shape),))


@st.composite
def keras_embedding(draw: Any) -> Twin:
    size, units = draw(SIZES), draw(SIZES)
    x = np.random.default_rng(0).integers(0, size, (3, 2)).astype(draw(st.sampled_from(["uint8", "int64"])))
    make = partial(_keras().layers.Embedding, size, units, name="layer")
    return Twin(layers.Embedding(size, units), make, (x,))


@st.composite
def keras_lstm(draw: Any) -> Twin:
    units, bias, time = draw(SIZES), draw(st.booleans()), draw(SIZES)
    activation = draw(st.sampled_from(["tanh", "relu", bent]))
    given = {"use_bias": bias, "return_sequences": draw(st.booleans()), "go_backwards": draw(st.booleans())}
    make = partial(_keras().layers.LSTM, units, activation=activation, name="layer", **given)
    layer = layers.LSTM(units, activation, **given)
    x, named, run = array(draw, 2, time, draw(SIZES)), {}, _called
    if draw(st.booleans()):
        mask = mask_of(draw, 2, time)
        named, run = {"mask": mask}, lambda native, x: native(x, mask=_keras().ops.convert_to_tensor(mask))
    return Twin(layer, make, (x,), run, named)


@st.composite
def keras_attention(draw: Any) -> Twin:
    heads, width, bias = draw(SIZES), draw(SIZES), draw(st.booleans())
    if bias and width == 1:  # what Keras on TensorFlow adds along another axis: docs/framework-faults.md
        width = 2
    value_dim = draw(st.sampled_from([None, width + 1]))
    t, s, features = draw(SIZES), draw(SIZES), draw(SIZES)
    make = partial(_keras().layers.MultiHeadAttention, heads, width, value_dim=value_dim, use_bias=bias, name="layer")
    layer = layers.MultiHeadAttention(heads, width, value_dim=value_dim, use_bias=bias)
    query, value = array(draw, 2, t, features), array(draw, 2, s, draw(SIZES))
    axes = draw(st.sampled_from([0, 3, 4]))
    mask = None if not axes else mask_of(draw, *((2, t, s) if axes == 3 else (2, 1, t, s)))

    def run(native: Any, q: Any, v: Any) -> Any:
        return native(q, v, attention_mask=None if mask is None else _keras().ops.convert_to_tensor(mask))

    return Twin(layer, make, (query, value), run, {} if mask is None else {"mask": mask})


KERAS: dict[str, Any] = {
    "Dense": keras_dense(), "Conv2D": keras_conv(), "Normalization": keras_normalization(), "Embedding": keras_embedding(),
    "LSTM": keras_lstm(), "MultiHeadAttention": keras_attention(),
}  # fmt: skip

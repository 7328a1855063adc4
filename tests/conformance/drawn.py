"""Cases that hypothesis draws: for each layer its arguments, ranks, sizes and dtypes, with coincidences on purpose.

A new layer brings a strategy and a row of `DRAWN`. What a layer refuses is drawn too: it must be refused alike on every backend.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hypothesis import strategies as st

from tests.conformance.case import Case
from tests.conformance.user_layers import bent
from unidl import layers
from unidl.ops.activation import ACTIVATIONS as NAMED

SIZES = st.sampled_from([1, 1, 2, 3, 3, 5])  # equal ones on purpose, and ones
BATCHES = st.sampled_from([1, 2, 3])
FLAGS = st.booleans()
ACTIVATIONS = st.sampled_from([None, bent, *sorted(NAMED)])
EPSILONS = st.sampled_from([0.03, 0.3])  # with smaller ones a batch of two equal values has gradients of thousands


def shapes(least: int, most: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Shapes of so many axes beside the batch axis."""
    rest = st.lists(SIZES, min_size=least, max_size=most)
    return st.builds(lambda batch, rest: (batch, *rest), BATCHES, rest)


def reals(*shape: int, seed: int = 0, ties: bool = False) -> np.ndarray:
    """Normal numbers that float32 holds exactly, or numbers out of -1, 0 and 1."""
    generator = np.random.default_rng([seed, *shape])
    if ties:
        return generator.integers(-1, 2, shape).astype("float64")
    return generator.normal(size=shape).astype("float32").astype("float64")


def int_array(dtype: str, *shape: int) -> np.ndarray:
    """Small ones and, of uint8, such as overflow in sums and squares."""
    return np.random.default_rng(list(shape)).choice([0, 1, 2, 3, 250 if dtype == "uint8" else -3], shape).astype(dtype)


@st.composite
def inputs(draw: Any, shape: tuple[int, ...], integers: bool = False, ties: bool = False) -> np.ndarray:
    """An array of that shape.

    Args:
        shape: Its shape.
        integers: Whether integers may be drawn.
        ties: Whether equal numbers may be drawn.
    """
    kind = draw(st.sampled_from(["reals", "reals", *["int32", "uint8"] * integers, *["ties"] * ties]))
    if kind in ("reals", "ties"):
        return reals(*shape, seed=draw(st.integers(0, 9)), ties=kind == "ties")
    return int_array(kind, *shape)


def truths(shape: tuple[int, ...], seed: int) -> np.ndarray:
    """True and False; some rows may be all False."""
    return np.random.default_rng([seed, *shape]).random(shape) < 0.6


def case(layer: layers.Layer, *arrays: Any, named: Mapping[str, Any] | None = None, **more: Any) -> Case:
    """A drawn case."""
    return Case("drawn", layer, arrays, named or {}, **more)


# -- dense, embeddings, shapes -----------------------------------------------------------------------------------------------


@st.composite
def dense(draw: Any) -> Case:
    x = draw(inputs(draw(shapes(1, 4)), integers=True))
    return case(layers.Dense(draw(SIZES), draw(ACTIVATIONS), use_bias=draw(FLAGS)), x)


@st.composite
def embedding(draw: Any) -> Case:
    size, shape = draw(SIZES), draw(shapes(0, 3))
    dtype = draw(st.sampled_from(["uint8", "int32", "int64"]))
    return case(layers.Embedding(size, draw(SIZES)), np.random.default_rng(0).integers(0, size, shape).astype(dtype))


@st.composite
def dropout(draw: Any) -> Case:
    rate = draw(st.sampled_from([0.0, 0.5]))
    return case(layers.Dropout(rate), draw(inputs(draw(shapes(0, 4)), integers=True)), training=rate == 0.0)


@st.composite
def flatten(draw: Any) -> Case:
    return case(layers.Flatten(), draw(inputs(draw(shapes(0, 4)), integers=True)))


@st.composite
def reshape(draw: Any) -> Case:
    shape = draw(shapes(1, 4))
    target = list(draw(st.permutations(shape[1:])))
    if draw(FLAGS):
        target[draw(st.integers(0, len(target) - 1))] = -1
    return case(layers.Reshape(tuple(target)), draw(inputs(shape, integers=True)))


# -- activations -------------------------------------------------------------------------------------------------------------


@st.composite
def activation(draw: Any) -> Case:
    return case(layers.Activation(draw(ACTIVATIONS) or "identity"), draw(inputs(draw(shapes(1, 4)), integers=True)))


@st.composite
def relu(draw: Any) -> Case:
    return case(layers.ReLU(), draw(inputs(draw(shapes(0, 4)), integers=True, ties=True)))


@st.composite
def softmax(draw: Any) -> Case:
    shape = draw(shapes(1, 4))
    axis = draw(st.integers(1, len(shape) - 1)) - draw(st.sampled_from([0, len(shape)]))
    return case(layers.Softmax(axis), draw(inputs(shape, integers=True)))


# -- images ------------------------------------------------------------------------------------------------------------------

PAIRS = st.tuples(st.integers(1, 3), st.integers(1, 3))


@st.composite
def image(draw: Any, least: tuple[int, int] = (1, 1), integers: bool = False, ties: bool = False) -> np.ndarray:
    """(batch, height, width, channels), of at least so many pixels."""
    height, width = (n + draw(st.integers(0, 4)) for n in least)
    array: np.ndarray = draw(inputs((draw(BATCHES), height, width, draw(SIZES)), integers, ties))
    return array


@st.composite
def convolution(draw: Any) -> Case:
    size, padding, groups = draw(PAIRS), draw(st.sampled_from(["valid", "same"])), draw(st.sampled_from([1, 1, 2, 3]))
    strides, dilation = draw(st.sampled_from([((1, 1), draw(PAIRS)), (draw(PAIRS), (1, 1))]))
    least = tuple((k - 1) * d + 1 if padding == "valid" else 1 for k, d in zip(size, dilation, strict=True))
    x = draw(image(least))  # type: ignore[arg-type]
    x = np.concatenate([x] * groups, axis=-1)
    layer = layers.Conv2D(
        draw(SIZES) * groups,
        size,
        strides,
        padding,
        dilation_rate=dilation,
        groups=groups,
        activation=draw(ACTIVATIONS),
        use_bias=draw(FLAGS),
    )
    return case(layer, x)


@st.composite
def transposed_convolution(draw: Any) -> Case:
    padding, activation, bias = draw(st.sampled_from(["valid", "same"])), draw(ACTIVATIONS), draw(FLAGS)
    layer = layers.Conv2DTranspose(draw(SIZES), draw(PAIRS), draw(PAIRS), padding, activation, use_bias=bias)
    return case(layer, draw(image()))


@st.composite
def upsampling(draw: Any) -> Case:
    layer = layers.UpSampling2D(draw(PAIRS), draw(st.sampled_from(["nearest", "bilinear"])))
    return case(layer, draw(image(integers=True)))


def pooling(cls: Any) -> st.SearchStrategy[Case]:
    """Of that class."""

    @st.composite
    def drawn(draw: Any) -> Case:
        size, padding = draw(PAIRS), draw(st.sampled_from(["valid", "same"]))
        x = draw(image(size if padding == "valid" else (1, 1), integers=True, ties=True))
        return case(cls(size, draw(st.one_of(st.none(), PAIRS)), padding), x)

    return drawn()


def global_pooling(cls: Any) -> st.SearchStrategy[Case]:
    """Of that class."""
    return st.builds(lambda keep, x: case(cls(keepdims=keep), x), FLAGS, image(integers=True, ties=True))


# -- normalization -----------------------------------------------------------------------------------------------------------


@st.composite
def batch_normalization(draw: Any) -> Case:
    layer = layers.BatchNormalization(draw(st.sampled_from([0.0, 0.9])), draw(EPSILONS), draw(FLAGS), draw(FLAGS))
    return case(layer, draw(inputs(draw(shapes(1, 5)), integers=True, ties=True)))


@st.composite
def layer_normalization(draw: Any) -> Case:
    shape = draw(shapes(1, 4))
    axes = draw(st.lists(st.integers(1, len(shape) - 1), min_size=1, unique=True))
    axes = [axis - draw(st.sampled_from([0, len(shape)])) for axis in axes]
    layer = layers.LayerNormalization(tuple(axes), draw(EPSILONS), draw(FLAGS), draw(FLAGS))
    return case(layer, draw(inputs(shape, integers=True, ties=True)))


# -- sequences ---------------------------------------------------------------------------------------------------------------


@st.composite
def recurrent(draw: Any, cls: Any = layers.LSTM) -> Case:
    batch, time, units = draw(BATCHES), draw(SIZES), draw(SIZES)
    activation, gates = draw(st.sampled_from([("tanh", "sigmoid")] * 3 + [("relu", "hard_sigmoid"), (bent, "sigmoid")]))
    given = {n: draw(FLAGS) for n in ("use_bias", "return_sequences", "return_state", "go_backwards")}
    named: dict[str, Any] = {}
    if draw(FLAGS):
        first = reals(batch, units)
        named["initial_state"] = (first, reals(batch, units, seed=1)) if cls is layers.LSTM else first
    how = draw(st.sampled_from(["plain", "plain", "mask", "lengths"]))
    if how == "mask":
        named["mask"] = truths((batch, time), draw(st.integers(0, 9)))
    if how == "lengths":
        named["lengths"] = np.array(
            [draw(st.integers(0, time)) for _ in range(batch)], draw(st.sampled_from(["int32", "int64"]))
        )
    layer = cls(units, activation, gates, **given)
    return case(layer, draw(inputs((batch, time, draw(SIZES)), integers=True)), named=named)


@st.composite
def bidirectional(draw: Any) -> Case:
    inner = draw(recurrent(draw(st.sampled_from([layers.LSTM, layers.GRU]))))
    named = dict(inner.named)
    if "initial_state" in named:
        named["initial_state"] = (named["initial_state"],) * 2
    layer = layers.Bidirectional(inner.layer, draw(st.sampled_from(["concat", "sum", "mul", "ave"])))
    return case(layer, *inner.inputs, named=named)


@st.composite
def attention(draw: Any) -> Case:
    heads, width, batch, t, features = (draw(SIZES) for _ in range(5))
    features = draw(st.sampled_from([features, heads * width]))  # the width that torch knows, often
    named: dict[str, Any] = {}
    s = t
    if draw(FLAGS):
        s = draw(SIZES)
        named["value"] = reals(batch, s, draw(st.sampled_from([features, draw(SIZES)])), seed=1)
        if draw(FLAGS):
            named["key"] = reals(batch, s, draw(SIZES), seed=2)
    shape = draw(st.sampled_from([None, None, (batch, t, s), (batch, 1, s), (batch, heads, t, s), (batch, 1, t, s)]))
    if shape is not None:
        named["mask"] = truths(shape, draw(st.integers(0, 9)))
    layer = layers.MultiHeadAttention(
        heads,
        width,
        draw(st.sampled_from([None, None, draw(SIZES)])),
        draw(st.sampled_from([None, None, draw(SIZES)])),
        use_bias=draw(FLAGS),
    )
    options = {"causal": True} if draw(FLAGS) else {}
    return case(layer, draw(inputs((batch, t, features), integers=True)), named=named, options=options)


# -- merging -----------------------------------------------------------------------------------------------------------------


def merging(cls: Any, most: int = 3, ties: bool = False) -> st.SearchStrategy[Case]:
    """Of that class; axes of length 1 are repeated."""

    @st.composite
    def drawn(draw: Any) -> Case:
        whole = draw(shapes(1, 4))
        count = draw(st.integers(2, most))
        given = []
        for seed in range(count):
            shape = (whole[0], *[n if draw(FLAGS) else 1 for n in whole[1:]])
            given.append(reals(*shape, seed=seed, ties=ties and draw(FLAGS)))
        if draw(FLAGS):
            dtype = draw(st.sampled_from(["uint8", "int32"]))
            given = [int_array(dtype, *x.shape) if i == 0 or draw(FLAGS) else x for i, x in enumerate(given)]
        return case(cls(), given)

    return drawn()


@st.composite
def concatenation(draw: Any) -> Case:
    shape = draw(shapes(1, 4))
    axis = draw(st.integers(1, len(shape) - 1))
    parts = [
        tuple(draw(SIZES) if i == axis else n for i, n in enumerate(shape)) for _ in range(draw(st.integers(2, 3)))
    ]
    given = [reals(*part, seed=seed) for seed, part in enumerate(parts)]
    return case(layers.Concatenate(axis - draw(st.sampled_from([0, len(shape)]))), given)


DRAWN: dict[type, st.SearchStrategy[Case]] = {
    layers.Dense: dense(),
    layers.Embedding: embedding(),
    layers.Dropout: dropout(),
    layers.Flatten: flatten(),
    layers.Reshape: reshape(),
    layers.Activation: activation(),
    layers.ReLU: relu(),
    layers.Softmax: softmax(),
    layers.Conv2D: convolution(),
    layers.Conv2DTranspose: transposed_convolution(),
    layers.UpSampling2D: upsampling(),
    layers.MaxPooling2D: pooling(layers.MaxPooling2D),
    layers.AveragePooling2D: pooling(layers.AveragePooling2D),
    layers.GlobalMaxPooling2D: global_pooling(layers.GlobalMaxPooling2D),
    layers.GlobalAveragePooling2D: global_pooling(layers.GlobalAveragePooling2D),
    layers.BatchNormalization: batch_normalization(),
    layers.LayerNormalization: layer_normalization(),
    layers.LSTM: recurrent(),
    layers.GRU: recurrent(layers.GRU),
    layers.Bidirectional: bidirectional(),
    layers.MultiHeadAttention: attention(),
    layers.Add: merging(layers.Add),
    layers.Subtract: merging(layers.Subtract, most=2),
    layers.Multiply: merging(layers.Multiply),
    layers.Average: merging(layers.Average),
    layers.Maximum: merging(layers.Maximum, ties=True),
    layers.Minimum: merging(layers.Minimum, ties=True),
    layers.Concatenate: concatenation(),
}

"""The layers once more, in NumPy with loops: what the definitions themselves are proven against."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tests.conformance.definition_cases import ORACLES as DEFINITIONS
from unidl import layers

Weights = dict[str, np.ndarray]


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(-1, keepdims=True))
    return e / e.sum(-1, keepdims=True)


# by the name of unidl's op
FUNCTIONS = {
    "relu": relu,
    "sigmoid": sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
    "identity": lambda x: x,
    "hard_sigmoid": lambda x: np.clip(x + 3, 0, 6) / 6,
    "gelu": lambda x: x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2,
    "silu": lambda x: x * sigmoid(x),
    "softplus": lambda x: np.logaddexp(x, 0),
    "leaky_relu": lambda x: np.where(x > 0, x, 0.01 * x),
    "elu": lambda x: np.where(x > 0, x, np.expm1(np.minimum(x, 0))),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "relu6": lambda x: np.clip(x, 0, 6),
    "hard_silu": lambda x: x * np.clip(x + 3, 0, 6) / 6,
    "mish": lambda x: x * np.tanh(np.logaddexp(x, 0)),
    "log_sigmoid": lambda x: -np.logaddexp(-x, 0),
    "log_softmax": lambda x: np.log(softmax(x)),
}


def applied(function: Any, x: np.ndarray) -> np.ndarray:
    """A named activation; KeyError for one that is not here."""
    return FUNCTIONS[getattr(function, "__name__", "")](x)


def dense(layer: Any, w: Weights, x: np.ndarray) -> np.ndarray:
    y = np.tensordot(x, w["kernel"], 1)
    return applied(layer.activation, y + w["bias"] if layer.use_bias else y)


def windows(x: np.ndarray, size: Any, strides: Any, dilation: Any, padding: str) -> Any:
    """For each place of the output: its indices, the window (batch, h, w, channels), and which of its pixels are inside."""
    lengths, out, pads = x.shape[1:3], [], []
    for n, k, s, d in zip(lengths, size, strides, dilation, strict=True):
        extent = (k - 1) * d + 1
        if padding == "same":
            count = -(-n // s)
            total = max((count - 1) * s + extent - n, 0)
            pads.append((total // 2, total - total // 2))
        else:
            count = (n - extent) // s + 1
            pads.append((0, 0))
        out.append(count)
    padded = np.pad(x, [(0, 0), *pads, (0, 0)])
    inside = np.pad(np.ones(lengths, bool), pads)
    for i in range(out[0]):
        for j in range(out[1]):
            rows = i * strides[0] + np.arange(size[0]) * dilation[0]
            columns = j * strides[1] + np.arange(size[1]) * dilation[1]
            yield (i, j), padded[:, rows][:, :, columns], inside[rows][:, columns], tuple(out)


def convolution(layer: Any, w: Weights, x: np.ndarray) -> np.ndarray:
    kernel, groups = w["kernel"], layer.groups
    inputs, filters = kernel.shape[2], kernel.shape[3] // groups
    y = None
    for (i, j), window, _, out in windows(x, layer.kernel_size, layer.strides, layer.dilation_rate, layer.padding):
        y = np.zeros((len(x), *out, kernel.shape[3])) if y is None else y
        for g in range(groups):
            part = slice(g * filters, (g + 1) * filters)
            channels = window[..., g * inputs : (g + 1) * inputs]
            y[:, i, j, part] = np.einsum("bhwc,hwcf->bf", channels, kernel[..., part])
    return applied(layer.activation, y + w["bias"] if layer.use_bias else y)


def transposed_convolution(layer: Any, w: Weights, x: np.ndarray) -> np.ndarray:
    kernel = w["kernel"]
    (height, width), strides = x.shape[1:3], layer.strides
    full = [(n - 1) * s + max(k, s) for n, k, s in zip((height, width), layer.kernel_size, strides, strict=True)]
    y = np.zeros((len(x), *full, layer.filters))
    for i in range(height):
        for j in range(width):
            for u in range(kernel.shape[0]):
                for v in range(kernel.shape[1]):
                    y[:, i * strides[0] + u, j * strides[1] + v] += x[:, i, j] @ kernel[u, v].T
    if layer.padding == "same":
        cuts = [max(k - s, 0) // 2 for k, s in zip(layer.kernel_size, strides, strict=True)]
        y = y[:, cuts[0] : cuts[0] + height * strides[0], cuts[1] : cuts[1] + width * strides[1]]
    return applied(layer.activation, y + w["bias"] if layer.use_bias else y)


def upsampling(layer: Any, x: np.ndarray) -> np.ndarray:
    for axis, times in zip((1, 2), layer.size, strict=True):
        n = x.shape[axis]
        places = (np.arange(n * times) + 0.5) / times - 0.5
        if layer.interpolation == "nearest":
            x = np.take(x, np.round(places - 1e-9).clip(0, n - 1).astype(int), axis)
            continue
        low = np.floor(places)
        share = (places - low).reshape([-1 if a == axis else 1 for a in range(4)])
        a, b = (np.take(x, (low + step).clip(0, n - 1).astype(int), axis) for step in (0, 1))
        x = a * (1 - share) + b * share
    return x


def pooling(layer: Any, x: np.ndarray, average: bool) -> np.ndarray:
    y = None
    for (i, j), window, inside, out in windows(x, layer.pool_size, layer.strides, (1, 1), layer.padding):
        y = np.zeros((len(x), *out, x.shape[-1])) if y is None else y
        pixels = window[:, inside]  # (batch, pixels, channels)
        y[:, i, j] = pixels.mean(1) if average else pixels.max(1)
    return y


def batch_normalization(layer: Any, w: Weights, x: np.ndarray) -> np.ndarray:
    y = (x - w["moving_mean"]) / np.sqrt(w["moving_variance"] + layer.epsilon)
    return y * w.get("gamma", 1.0) + w.get("beta", 0.0)


def layer_normalization(layer: Any, w: Weights, x: np.ndarray) -> np.ndarray:
    axes = tuple(sorted(axis % x.ndim for axis in layer.axis))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + layer.epsilon)
    beside = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
    for name, combine in (("gamma", np.multiply), ("beta", np.add)):
        if name in w:
            y = combine(y, w[name].reshape(beside))
    return y


def lstm(
    layer: Any, w: Weights, x: np.ndarray, initial_state: Any = None, mask: Any = None, lengths: Any = None
) -> Any:
    if lengths is not None:
        mask = np.arange(x.shape[1]) < lengths[:, None]
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    zeros = np.zeros((len(x), layer.units))
    h, c = (zeros, zeros) if initial_state is None else initial_state
    outputs = []
    for t in reversed(range(x.shape[1])) if layer.go_backwards else range(x.shape[1]):
        z = x[:, t] @ w["kernel"] + h @ w["recurrent_kernel"] + w.get("bias", 0.0)
        i, f, g, o = np.split(z, 4, axis=-1)
        i, f, o = (applied(layer.recurrent_activation, gate) for gate in (i, f, o))
        new = f * c + i * applied(layer.activation, g)
        counts = mask[:, t, None]
        h, c = np.where(counts, o * applied(layer.activation, new), h), np.where(counts, new, c)
        outputs.append(h)
    y = np.stack(outputs, 1) if layer.return_sequences else h
    return (y, h, c) if layer.return_state else y


def gru(layer: Any, w: Weights, x: np.ndarray, initial_state: Any = None, mask: Any = None, lengths: Any = None) -> Any:
    if lengths is not None:
        mask = np.arange(x.shape[1]) < lengths[:, None]
    mask = np.ones(x.shape[:2], bool) if mask is None else mask
    h = np.zeros((len(x), layer.units)) if initial_state is None else initial_state
    outputs = []
    for t in reversed(range(x.shape[1])) if layer.go_backwards else range(x.shape[1]):
        x_z, x_r, x_n = np.split(x[:, t] @ w["kernel"] + w.get("bias", 0.0), 3, axis=-1)
        h_z, h_r, h_n = np.split(h @ w["recurrent_kernel"] + w.get("recurrent_bias", 0.0), 3, axis=-1)
        z, r = applied(layer.recurrent_activation, x_z + h_z), applied(layer.recurrent_activation, x_r + h_r)
        new = applied(layer.activation, x_n + r * h_n)
        h = np.where(mask[:, t, None], z * h + (1 - z) * new, h)
        outputs.append(h)
    y = np.stack(outputs, 1) if layer.return_sequences else h
    return (y, h) if layer.return_state else y


def bidirectional(layer: Any, w: Weights, x: np.ndarray, initial_state: Any = None, **named: Any) -> Any:
    parts = []
    for key, child, state in zip(
        ("forward_layer", "backward_layer"),
        (layer.forward_layer, layer.backward_layer),
        initial_state or (None, None),
        strict=True,
    ):
        own = {name.removeprefix(f"{key}/"): value for name, value in w.items() if name.startswith(key)}
        found = ORACLES[type(child)](child, own, x, state, **named)
        y, *states = found if isinstance(found, tuple) else (found,)
        parts.append((y[:, ::-1] if child.go_backwards and child.return_sequences else y, states))
    (y, states), (z, others) = parts
    merges = {"concat": lambda: np.concatenate([y, z], -1), "sum": lambda: y + z, "mul": lambda: y * z}
    merged = merges.get(layer.merge_mode, lambda: (y + z) / 2)()
    return (merged, *states, *others) if states else merged


def attention(
    layer: Any,
    w: Weights,
    query: np.ndarray,
    value: Any = None,
    key: Any = None,
    mask: Any = None,
    causal: bool = False,
) -> np.ndarray:
    value = query if value is None else value
    key = value if key is None else key
    t, s = query.shape[1], value.shape[1]
    y = np.zeros((len(query), t, w["output_kernel"].shape[-1]))
    for b in range(len(query)):
        for head in range(layer.num_heads):
            q, k, v = (
                x[b] @ w[f"{name}_kernel"][:, head] + (w[f"{name}_bias"][head] if layer.use_bias else 0.0)
                for name, x in (("query", query), ("key", key), ("value", value))
            )
            for place in range(t):
                allowed = (
                    np.ones(s, bool)
                    if mask is None
                    else np.broadcast_to(mask[b, head] if mask.ndim == 4 else mask[b], (t, s))[place]
                )
                seen = [n for n in range(s) if allowed[n] and (not causal or n <= place)]
                if seen:
                    p = softmax(k[seen] @ q[place] / math.sqrt(layer.key_dim))
                    y[b, place] += p @ v[seen] @ w["output_kernel"][head]
    return y + w.get("output_bias", 0.0)


ORACLES: dict[type, Any] = {
    layers.Dense: dense,
    layers.Conv2D: convolution,
    layers.Conv2DTranspose: transposed_convolution,
    layers.UpSampling2D: lambda layer, w, x: upsampling(layer, x),
    layers.MaxPooling2D: lambda layer, w, x: pooling(layer, x, average=False),
    layers.AveragePooling2D: lambda layer, w, x: pooling(layer, x, average=True),
    layers.GlobalAveragePooling2D: lambda layer, w, x: x.mean((1, 2), keepdims=layer.keepdims),
    layers.GlobalMaxPooling2D: lambda layer, w, x: x.max((1, 2), keepdims=layer.keepdims),
    layers.BatchNormalization: batch_normalization,
    layers.LayerNormalization: layer_normalization,
    layers.Dropout: lambda layer, w, x: x,
    layers.Embedding: lambda layer, w, x: w["embeddings"][x],
    layers.LSTM: lstm,
    layers.GRU: gru,
    layers.Bidirectional: bidirectional,
    layers.MultiHeadAttention: attention,
    layers.Activation: lambda layer, w, x: applied(layer.activation, x),
    layers.ReLU: lambda layer, w, x: relu(x),
    layers.Softmax: lambda layer, w, x: np.moveaxis(softmax(np.moveaxis(x, layer.axis, -1)), -1, layer.axis),
    layers.Flatten: lambda layer, w, x: x.reshape(len(x), -1),
    layers.Reshape: lambda layer, w, x: x.reshape(len(x), *layer.target_shape),
    layers.Add: lambda layer, w, xs: sum(xs[1:], xs[0]),
    layers.Subtract: lambda layer, w, xs: xs[0] - xs[1],
    layers.Multiply: lambda layer, w, xs: math.prod(xs[1:], start=xs[0]),
    layers.Average: lambda layer, w, xs: sum(xs[1:], xs[0]) / len(xs),
    layers.Maximum: lambda layer, w, xs: np.maximum(*xs),
    layers.Minimum: lambda layer, w, xs: np.minimum(*xs),
    layers.Concatenate: lambda layer, w, xs: np.concatenate(xs, layer.axis),
    **DEFINITIONS,
}

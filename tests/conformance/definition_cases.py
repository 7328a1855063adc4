"""The cases of layers that are definitions alone: no framework's class runs them."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.conformance.case import Case
from tests.conformance.inputs import normal, steps, ties
from unidl import initializers, layers, ops

KINKS = steps(1.0, 3.0, 6.0)


def halved(x: Any) -> Any:
    """A function with another shape."""
    return ops.tanh(x[:, ::2])


STOCHASTIC = {
    layers.SpatialDropout1D: (2, 5, 3),
    layers.SpatialDropout2D: (2, 4, 5, 3),
    layers.SpatialDropout3D: (2, 2, 3, 2, 3),
    layers.AlphaDropout: (3, 6),
    layers.GaussianDropout: (3, 6),
    layers.GaussianNoise: (3, 6),
}
"""Those that draw in training, with an input's shape; tests/layers/test_noise.py has what they draw."""

CASES = [
    Case("usual slope", layers.LeakyReLU(), (KINKS,)),
    Case("another slope", layers.LeakyReLU(0.3), (ties(3, 4),)),
    Case("a slope below 0", layers.LeakyReLU(-0.5), (KINKS,)),
    Case("usual", layers.ELU(), (KINKS,), second=False),
    Case("another alpha", layers.ELU(0.5), (KINKS,), second=False),
    Case("a slope for each element", layers.PReLU(), (ties(3, 2, 4),), weights={"alpha": normal(2, 4)}),
    Case(
        "a slope for each channel",
        layers.PReLU(initializers.Constant(0.25), shared_axes=(1, 2)),
        (normal(2, 3, 4, 2),),
    ),
    Case("one slope", layers.PReLU(shared_axes=-1), (normal(3, 4),)),
    *(Case("inference", cls(0.5), (normal(*shape),), training=False) for cls, shape in STOCHASTIC.items()),
    *(Case("nothing drawn", cls(0.0), (normal(*shape),)) for cls, shape in STOCHASTIC.items()),
    Case("both ends", layers.ZeroPadding1D(2), (normal(2, 3, 2),)),
    Case("a pair", layers.ZeroPadding1D((0, 3)), (normal(2, 3, 2),)),
    Case("all sides", layers.ZeroPadding2D(), (normal(2, 3, 4, 2),)),
    Case("height and width", layers.ZeroPadding2D((2, 0)), (normal(2, 3, 4, 2),)),
    Case("four sides", layers.ZeroPadding2D(((1, 2), (0, 3))), (normal(2, 3, 4, 2),)),
    Case("six sides", layers.ZeroPadding3D(((1, 0), 2, (0, 3))), (normal(2, 2, 1, 3, 2),)),
    Case("all sides", layers.ReflectionPadding2D(2), (normal(2, 3, 4, 2),)),
    Case("four sides", layers.ReflectionPadding2D(((2, 0), (1, 3))), (normal(2, 3, 4, 2),)),
    Case("all sides", layers.ReplicationPadding2D(2), (normal(2, 3, 4, 2),)),
    Case("beyond the image", layers.ReplicationPadding2D(((5, 0), (1, 0))), (normal(2, 1, 4, 2),)),
    Case("both ends", layers.Cropping1D(), (normal(2, 5, 2),)),
    Case("one end", layers.Cropping1D((2, 0)), (normal(2, 5, 2),)),
    Case("four sides", layers.Cropping2D(((0, 1), (2, 0))), (normal(2, 3, 4, 2),)),
    Case("all sides", layers.Cropping3D(), (normal(2, 3, 4, 3, 2),)),
    Case("a scale and an offset", layers.Rescaling(1 / 127.5, offset=-1.0), (normal(2, 3, 4, 1),)),
    Case("last axis", layers.RMSNormalization(), (normal(3, 4, 6),)),
    Case("two axes", layers.RMSNormalization((1, -1), epsilon=1e-3), (normal(3, 4, 6),)),
    Case("no scale", layers.RMSNormalization(scale=False), (normal(3, 6),)),
    Case("last axis", layers.UnitNormalization(), (normal(3, 4, 6),)),
    Case("two axes", layers.UnitNormalization((1, 2)), (normal(3, 4, 6),)),
    Case("images", layers.GroupNormalization(2), (normal(2, 3, 4, 6),)),
    Case("features", layers.GroupNormalization(3, epsilon=1e-3), (normal(3, 6),)),
    Case("one channel a group, scale alone", layers.GroupNormalization(4, center=False), (normal(2, 5, 4),)),
    Case("one group, neither", layers.GroupNormalization(1, center=False, scale=False), (normal(2, 5, 4),)),
    Case("images", layers.InstanceNormalization(), (normal(2, 3, 4, 2),)),
    Case("series, offset alone", layers.InstanceNormalization(scale=False), (normal(2, 5, 4),)),
    Case("volumes, neither", layers.InstanceNormalization(1e-3, False, False), (normal(2, 2, 3, 2, 2),)),
    Case("two axes", layers.Permute((2, 1)), (normal(2, 3, 4),)),
    Case("three axes", layers.Permute((3, 1, 2)), (normal(2, 3, 4, 2),)),
    Case("three times", layers.RepeatVector(3), (normal(2, 4),)),
    Case("twice as large", layers.PixelShuffle(2), (normal(2, 3, 2, 8),)),
    Case("three times as large", layers.PixelShuffle(3), (normal(2, 1, 2, 9),)),
    *(
        Case("axes kept" if keepdims else "plain", cls(keepdims), (data(*shape),))
        for cls, shape, data in (
            (layers.GlobalAveragePooling1D, (2, 5, 3), normal),
            (layers.GlobalAveragePooling3D, (2, 2, 3, 4, 3), normal),
            (layers.GlobalMaxPooling1D, (2, 5, 3), ties),
            (layers.GlobalMaxPooling3D, (2, 2, 3, 4, 3), ties),
        )
        for keepdims in (False, True)
    ),
    Case("plain", layers.Identity(), (normal(2, 3),)),
    Case("a function with another shape", layers.Lambda(halved), (normal(2, 6),)),
]


def padded(layer: Any, x: np.ndarray) -> np.ndarray:
    widths = ((0, 0), *layer.padding, (0, 0))
    modes = {layers.ReflectionPadding2D: "reflect", layers.ReplicationPadding2D: "edge"}
    return np.pad(x, widths, mode=modes.get(type(layer), "constant"))


def cropped(layer: Any, x: np.ndarray) -> np.ndarray:
    for axis, (low, high) in enumerate(layer.cropping, 1):
        x = x.take(range(low, x.shape[axis] - high), axis)
    return x


def normalized(layer: Any, w: dict[str, np.ndarray], x: np.ndarray, axes: tuple[int, ...]) -> np.ndarray:
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + layer.epsilon)
    return y * w.get("gamma", 1.0) + w.get("beta", 0.0)


def group_normalization(layer: Any, w: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    y = np.empty_like(x)
    for part in np.split(np.arange(x.shape[-1]), layer.groups):
        y[..., part] = normalized(layer, {}, x[..., part], tuple(range(1, x.ndim)))
    return y * w.get("gamma", 1.0) + w.get("beta", 0.0)


def rms_normalization(layer: Any, w: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    axes = tuple(axis % x.ndim for axis in layer.axis)
    gamma = w.get("gamma", np.ones(()))
    beside = [n if axis in axes else 1 for axis, n in enumerate(x.shape)]
    return (
        x / np.sqrt((x**2).mean(axes, keepdims=True) + layer.epsilon) * (gamma.reshape(beside) if gamma.ndim else gamma)
    )


def pixel_shuffle(layer: Any, x: np.ndarray) -> np.ndarray:
    s, channels = layer.size, x.shape[-1] // layer.size**2
    y = np.empty((len(x), x.shape[1] * s, x.shape[2] * s, channels))
    for u in range(s):
        for v in range(s):
            y[:, u::s, v::s] = x[..., (u * s + v) * channels :][..., :channels]
    return y


ORACLES: dict[type, Any] = {
    layers.RMSNormalization: rms_normalization,
    layers.UnitNormalization: lambda layer, w, x: x / np.sqrt((x**2).sum(layer.axis, keepdims=True)),
    layers.GroupNormalization: group_normalization,
    layers.InstanceNormalization: lambda layer, w, x: normalized(layer, w, x, tuple(range(1, x.ndim - 1))),
    layers.Permute: lambda layer, w, x: x.transpose(0, *layer.dims),
    layers.RepeatVector: lambda layer, w, x: np.stack([x] * layer.n, 1),
    layers.PixelShuffle: lambda layer, w, x: pixel_shuffle(layer, x),
    layers.GlobalAveragePooling1D: lambda layer, w, x: x.mean(1, keepdims=layer.keepdims),
    layers.GlobalAveragePooling3D: lambda layer, w, x: x.mean((1, 2, 3), keepdims=layer.keepdims),
    layers.GlobalMaxPooling1D: lambda layer, w, x: x.max(1, keepdims=layer.keepdims),
    layers.GlobalMaxPooling3D: lambda layer, w, x: x.max((1, 2, 3), keepdims=layer.keepdims),
    layers.LeakyReLU: lambda layer, w, x: np.where(x > 0, x, layer.negative_slope * x),
    layers.ELU: lambda layer, w, x: np.where(x > 0, x, layer.alpha * np.expm1(np.minimum(x, 0))),
    layers.PReLU: lambda layer, w, x: np.where(x > 0, x, w["alpha"] * x),
    **dict.fromkeys(STOCHASTIC, lambda layer, w, x: x),
    **dict.fromkeys(
        (
            layers.ZeroPadding1D,
            layers.ZeroPadding2D,
            layers.ZeroPadding3D,
            layers.ReflectionPadding2D,
            layers.ReplicationPadding2D,
        ),
        lambda layer, w, x: padded(layer, x),
    ),
    **dict.fromkeys((layers.Cropping1D, layers.Cropping2D, layers.Cropping3D), lambda layer, w, x: cropped(layer, x)),
    layers.Rescaling: lambda layer, w, x: x * layer.scale + layer.offset,
    layers.Identity: lambda layer, w, x: x,
    layers.Lambda: lambda layer, w, x: np.tanh(x[:, ::2]),
}
"""The same layers in NumPy."""

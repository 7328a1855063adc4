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


ORACLES: dict[type, Any] = {
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

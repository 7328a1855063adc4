"""Initial weights whose spread follows the number of a unit's inputs and outputs: Glorot, He, LeCun."""

from __future__ import annotations

import math

import numpy as np

from unidl.arguments import number, one_of
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer
from unidl.initializers.random import standard_truncated_normal

# Standard deviation of a standard normal cut at two deviations: the drawn values are divided by it.
_CUT_DEVIATION = 0.87962566103423978


def fans(shape: tuple[int, ...]) -> tuple[float, float]:
    """Inputs and outputs of one unit, for a kernel (…window, inputs, outputs)."""
    if len(shape) < 2:
        length = float(shape[0]) if shape else 1.0
        return length, length
    window = math.prod(shape[:-2])
    return float(window * shape[-2]), float(window * shape[-1])


class VarianceScaling(Initializer):
    """Zero mean, variance scale / fan.

    Args:
        scale: Numerator of the variance.
        mode: "fan_in", "fan_out" or "fan_avg".
        distribution: "uniform", "truncated_normal" (cut at two deviations, variance corrected) or "normal".

    Where the frameworks differ: torch's `kaiming_normal_` and `xavier_normal_` are not cut.
    References: Glorot, Bengio (2010); He et al. (2015), arXiv:1502.01852.
    """

    name = "variance_scaling"

    @told_arguments
    def __init__(self, scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> None:
        self.scale = number(self, "scale", scale, above=0)
        self.mode = one_of(self, "mode", mode, ("fan_in", "fan_out", "fan_avg"))
        self.distribution = one_of(self, "distribution", distribution, ("uniform", "truncated_normal", "normal"))

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw."""
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return generator.uniform(-limit, limit, shape)
        if self.distribution == "normal":
            return generator.normal(0.0, math.sqrt(variance), shape)
        return math.sqrt(variance) / _CUT_DEVIATION * standard_truncated_normal(shape, generator)


def _named(class_name: str, name: str, scale: float, mode: str, distribution: str, doc: str) -> type[VarianceScaling]:
    @told_arguments
    def __init__(self: VarianceScaling) -> None:
        VarianceScaling.__init__(self, scale, mode, distribution)

    return type(
        class_name, (VarianceScaling,), {"name": name, "__init__": __init__, "__doc__": doc, "__module__": __name__}
    )


GlorotUniform = _named(
    "GlorotUniform", "glorot_uniform", 1.0, "fan_avg", "uniform", "Uniform, variance 2 / (fan_in + fan_out)."
)
GlorotNormal = _named(
    "GlorotNormal", "glorot_normal", 1.0, "fan_avg", "truncated_normal", "Normal, variance 2 / (fan_in + fan_out)."
)
HeUniform = _named("HeUniform", "he_uniform", 2.0, "fan_in", "uniform", "Uniform, variance 2 / fan_in.")
HeNormal = _named("HeNormal", "he_normal", 2.0, "fan_in", "truncated_normal", "Normal, variance 2 / fan_in.")
LecunUniform = _named("LecunUniform", "lecun_uniform", 1.0, "fan_in", "uniform", "Uniform, variance 1 / fan_in.")
LecunNormal = _named("LecunNormal", "lecun_normal", 1.0, "fan_in", "truncated_normal", "Normal, variance 1 / fan_in.")

"""Initial weights whose spread follows the number of a unit's inputs and outputs: Glorot, He, LeCun."""

from __future__ import annotations

import math

import numpy as np

from unidl.arguments import number, one_of
from unidl.capture import told_arguments
from unidl.initializers.initializer import Initializer, Stream
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

    def _stream(self, shape: tuple[int, ...], generator: np.random.Generator) -> Stream:
        """The draws."""
        fan_in, fan_out = fans(shape)
        fan = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        variance = self.scale / max(1.0, fan)
        if self.distribution == "uniform":
            limit = math.sqrt(3 * variance)
            return lambda count: generator.uniform(-limit, limit, count)
        if self.distribution == "normal":
            return lambda count: generator.normal(0.0, math.sqrt(variance), count)
        following, factor = standard_truncated_normal(math.prod(shape), generator), math.sqrt(variance) / _CUT_DEVIATION
        return lambda count: factor * following(count)


class GlorotUniform(VarianceScaling):
    """Glorot uniform initializer: variance 2 / (fan_in + fan_out)."""

    name = "glorot_uniform"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "uniform")


class GlorotNormal(VarianceScaling):
    """Glorot normal initializer, truncated: variance 2 / (fan_in + fan_out)."""

    name = "glorot_normal"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(1.0, "fan_avg", "truncated_normal")


class HeUniform(VarianceScaling):
    """He uniform initializer: variance 2 / fan_in."""

    name = "he_uniform"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "uniform")


class HeNormal(VarianceScaling):
    """He normal initializer, truncated: variance 2 / fan_in."""

    name = "he_normal"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(2.0, "fan_in", "truncated_normal")


class LecunUniform(VarianceScaling):
    """LeCun uniform initializer: variance 1 / fan_in."""

    name = "lecun_uniform"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "uniform")


class LecunNormal(VarianceScaling):
    """LeCun normal initializer, truncated: variance 1 / fan_in."""

    name = "lecun_normal"

    @told_arguments
    def __init__(self) -> None:
        super().__init__(1.0, "fan_in", "truncated_normal")

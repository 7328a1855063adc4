"""Adam and AdamW."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from unidl import ops
from unidl.arguments import fraction, number
from unidl.optimizers.optimizer import Optimizer
from unidl.schedules import Schedule


class Adam(Optimizer, name="adam"):
    """Adaptive moments.

        m = beta_1 * m + (1 - beta_1) * g
        v = beta_2 * v + (1 - beta_2) * g^2
        w = w - learning_rate * m / (1 - beta_1^t) / (sqrt(v / (1 - beta_2^t)) + epsilon)

    Args:
        learning_rate: A number, or a schedule of unidl.schedules.
        beta_1: Share of the old first moment that is kept.
        beta_2: Share of the old second moment that is kept.
        epsilon: Added to the root of the corrected second moment.
        weight_decay: Decoupled weight decay.
        no_decay: Patterns over weight paths that do not decay.
        clip_norm: Largest norm of all gradients together; None is no limit.
    Where the frameworks differ: Keras and TensorFlow's fused kernel add epsilon before the bias correction, default 1e-7; torch's
    Adam takes `weight_decay` into the gradient.
    References: Kingma, Ba (2015), arXiv:1412.6980.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.0,
        no_decay: Sequence[str] = (),
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, weight_decay, no_decay, clip_norm)
        self.beta_1 = fraction(self, "beta_1", beta_1)
        self.beta_2 = fraction(self, "beta_2", beta_2)
        self.epsilon = number(self, "epsilon", epsilon, least=0)

    state_names = ("first_moment", "second_moment")

    def update(
        self, weight: Any, gradient: Any, state: dict[str, Any], learning_rate: Any, step: Any
    ) -> tuple[Any, dict[str, Any]]:
        """One step."""
        m = state["first_moment"] * self.beta_1 + gradient * (1.0 - self.beta_1)
        v = state["second_moment"] * self.beta_2 + ops.square(gradient) * (1.0 - self.beta_2)
        m_hat = m / _missing(self.beta_1, step)
        v_hat = v / _missing(self.beta_2, step)
        return weight - learning_rate * m_hat / (ops.sqrt(v_hat) + self.epsilon), {
            "first_moment": m,
            "second_moment": v,
        }


def _missing(beta: float, step: Any) -> Any:
    """1 - beta^step, exact in float32 too, where 0.999 would be 1.3e-5 off as the distance from 1."""
    return -ops.expm1(step * math.log(beta)) if beta else 1.0


class AdamW(Adam, name="adamw"):
    """Adam with decoupled weight decay, 0.01 unless told otherwise.

        w = w - learning_rate * weight_decay * w, then as Adam

    Args:
        learning_rate: A number, or a schedule of unidl.schedules.
        beta_1: Share of the old first moment that is kept.
        beta_2: Share of the old second moment that is kept.
        epsilon: Added to the root of the corrected second moment.
        weight_decay: Decoupled weight decay.
        no_decay: Patterns over weight paths that do not decay, such as ("*bias", "*gamma", "*beta").
        clip_norm: Largest norm of all gradients together; None is no limit.
    Where the frameworks differ: Keras' default weight decay is 0.004.
    References: Loshchilov, Hutter (2019), arXiv:1711.05101.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 1e-3,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        weight_decay: float = 0.01,
        no_decay: Sequence[str] = (),
        clip_norm: float | None = None,
    ) -> None:
        super().__init__(learning_rate, beta_1, beta_2, epsilon, weight_decay, no_decay, clip_norm)

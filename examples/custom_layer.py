"""A layer and an op of one's own: a network whose hidden values have four bits, the same code on every backend.

    UNIDL_BACKEND=torch python examples/custom_layer.py

`Quantize` has a weight (a gain for each unit) and a state (how far the values spread, a moving average that training updates).
Rounding has a gradient of zero, with which nothing before it would learn: `rounded` brings its own, as if nothing were rounded.
Reached: a test accuracy near 0.90 on 1,000 of MNIST's digits, asserted: 0.87, and never more than 15 different values.
"""

from typing import Any

import data
import numpy as np

import unidl
from unidl import layers, ops, optimizers


@ops.custom_gradient
def rounded(x: Any) -> Any:
    """The nearest integer; its gradient is that of the identity (the straight-through estimator)."""
    return ops.round(x), lambda dy: dy


class Quantize(unidl.Layer):
    """Let through no more than 2^bits - 1 different values, evenly spaced over two deviations on either side of zero."""

    def __init__(self, bits: int = 4, momentum: float = 0.95) -> None:
        self.levels = 2 ** (bits - 1) - 1  # on either side of zero
        self.momentum = momentum

    def setup(self, shape: Any) -> None:
        """A gain for each unit; the deviation of all of them."""
        self.add_weight("gain", (shape[-1],), "ones")
        self.add_weight("deviation", (), "ones", trainable=False)

    def forward(self, x: Any) -> Any:
        """(batch, units) -> (batch, units)."""
        x = x * self.gain  # (batch, units)
        if self.training:
            seen = ops.sqrt(ops.mean(ops.square(x)))  # ()
            self.update("deviation", self.momentum * self.deviation + (1 - self.momentum) * ops.stop_gradient(seen))
        step = 2 * self.deviation / self.levels  # ()
        return rounded(ops.clip(x / step, -self.levels, self.levels)) * step  # (batch, units)


def main() -> float:
    (x, y), (x_test, y_test) = data.mnist()
    model = unidl.Sequential([layers.Flatten(), layers.Dense(64), Quantize(bits=4), layers.Dense(10)]).build(
        x.shape[1:]
    )
    model.summary()
    trainer = unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.Adam(1e-3), metrics=["accuracy"])
    trainer.fit(x, y, epochs=8, batch_size=64)
    accuracy = trainer.evaluate(x_test, y_test)["accuracy"]
    hidden = model.outputs_at("quantize").predict(x_test)["quantize"]  # (1000, 64)
    values = np.unique(hidden.round(5))
    print(f"{model.backend}: test accuracy {accuracy:.3f} with {len(values)} different hidden values")
    print(f"state: deviation = {model.weights()['quantize/deviation']:.3f}")
    assert len(values) <= 15, f"{len(values)} different values are too many for four bits"
    assert accuracy >= 0.87, f"test accuracy {accuracy:.3f} is below 0.87"
    return accuracy


if __name__ == "__main__":
    main()

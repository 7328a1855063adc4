"""Every optimizer on every backend: twenty steps with a changing learning rate, against the definition in float64.

The weights are a convolution's kernel, which torch keeps in another layout, and an attention layer's, of which torch packs three
into one matrix.
"""

from functools import cache

import numpy as np
import pytest

import unidl
from tests.conformance.inputs import normal
from unidl import layers, ops, optimizers, schedules
from unidl.backends.lowering import definitions_only

STEPS = 20
RATE = schedules.Cosine(0.05, steps=STEPS, warmup=3)
SLOW = schedules.Cosine(0.01, steps=STEPS)

# name -> class and arguments
CASES = {
    "sgd": (optimizers.SGD, {"learning_rate": RATE}),
    "sgd, momentum": (optimizers.SGD, {"learning_rate": RATE, "momentum": 0.9}),
    "sgd, nesterov": (optimizers.SGD, {"learning_rate": RATE, "momentum": 0.9, "nesterov": True}),
    "sgd, decay": (optimizers.SGD, {"learning_rate": RATE, "momentum": 0.9, "weight_decay": 0.1}),
    "sgd, clipped": (optimizers.SGD, {"learning_rate": RATE, "clip_norm": 0.01}),
    "adam": (optimizers.Adam, {"learning_rate": SLOW}),
    "adam, large epsilon": (optimizers.Adam, {"learning_rate": SLOW, "epsilon": 1e-3, "beta_1": 0.8, "beta_2": 0.9}),
    "adam, clipped": (optimizers.Adam, {"learning_rate": SLOW, "clip_norm": 0.01}),
    "adam, constant rate": (optimizers.Adam, {"learning_rate": 0.003}),
    "adamw": (optimizers.AdamW, {"learning_rate": SLOW, "weight_decay": 0.1}),
    "adamw, some do not decay": (
        optimizers.AdamW,
        {"learning_rate": SLOW, "weight_decay": 0.3, "no_decay": ("*bias",)},
    ),
    "adamw, a part of a packed matrix does not decay": (
        optimizers.AdamW,
        {"learning_rate": SLOW, "weight_decay": 0.3, "no_decay": ("*/query_kernel",)},
    ),
}

X, Y = normal(4, 6, 5, 2), normal(4, 30, 8)


class Net(unidl.Model):
    """A convolution and an attention layer."""

    def __init__(self) -> None:
        self.convolution = layers.Conv2D(8, 3, padding="same", activation="tanh")
        self.attention = layers.MultiHeadAttention(2, 4)

    def forward(self, x):
        y = self.convolution(x)  # (batch, height, width, 8)
        return self.attention(ops.reshape(y, (ops.shape(y)[0], 30, 8)))


def trained(model, optimizer):
    """The weights after twenty steps."""
    trainer = unidl.Trainer(model, loss="mse", optimizer=optimizer)
    for _ in range(STEPS):
        trainer.step((X, Y))
    return model.weights()


@cache
def reference(name):
    """By the definitions of layers and optimizer, on torch in float64."""
    cls, arguments = CASES[name]
    defined = type(f"Defined{cls.__name__}", (cls,), {})  # a subclass: no backend has an optimizer of its own for it
    with definitions_only():
        model = Net().build((6, 5, 2), backend="torch", precision="float64")
    return trained(model, defined(**arguments))


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), ("float32", 1e-4)])
@pytest.mark.parametrize("name", CASES)
def test_optimizer(name, precision, tolerance, backend):
    cls, arguments = CASES[name]
    weights = trained(Net().build((6, 5, 2), backend=backend, precision=precision), cls(**arguments))
    expected = reference(name)
    assert weights.keys() == expected.keys()
    for path, value in expected.items():
        if (precision, path) == ("float32", "attention/key_bias"):
            continue  # softmax does not see it: its gradient is zero but for rounding, which Adam scales to one
        np.testing.assert_allclose(
            weights[path], value, rtol=0, atol=tolerance * max(1, np.abs(value).max()), err_msg=path
        )


@pytest.mark.parametrize("cls", [optimizers.SGD, optimizers.Adam, optimizers.AdamW])
def test_a_subclass_runs_by_its_definition(cls, backend):
    defined = type(f"Defined{cls.__name__}", (cls,), {})
    arguments = {"learning_rate": RATE, "weight_decay": 0.1}
    model = Net().build((6, 5, 2), backend=backend, precision="float64")
    native = Net().build((6, 5, 2), backend=backend, precision="float64")
    expected = trained(native, cls(**arguments))
    for path, value in trained(model, defined(**arguments)).items():
        np.testing.assert_allclose(value, expected[path], rtol=0, atol=1e-10, err_msg=path)

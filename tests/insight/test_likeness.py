"""Layers that compute the same are timed once, and only these."""

import numpy as np
import pytest

import unidl
from unidl import layers, ops
from unidl.description.trace import Tracer
from unidl.graph.spec import TensorSpec
from unidl.insight.inspections import costs
from unidl.insight.inspections.likeness import likeness
from unidl.insight.inspections.programs import program_of_model


def plans_of(model, shape=(4, 8)):
    return Tracer("float32").trace(model, (TensorSpec(shape, "float32"),), {})


class Block(unidl.Layer):
    def __init__(self, units, activation="relu"):
        self.first, self.second = layers.Dense(units, activation=activation), layers.Dense(units)

    def forward(self, x):
        return ops.add(x, self.second(self.first(x)))


class Scaled(unidl.Layer):
    def __init__(self, factor, function=None):
        self.factor, self.function = factor, function

    def forward(self, x):
        return ops.multiply(x, self.factor) if self.function is None else self.function(x)


PAIRS = {
    "dense": (layers.Dense(8), layers.Dense(8), True),
    "units": (layers.Dense(8), layers.Dense(9), False),
    "activation": (layers.Dense(8, activation="relu"), layers.Dense(8, activation="tanh"), False),
    "bias": (layers.Dense(8), layers.Dense(8, use_bias=False), False),
    "block": (Block(8), Block(8), True),
    "block's activation": (Block(8), Block(8, "tanh"), False),
    "constant": (Scaled(2.0), Scaled(2.0), True),
    "another constant": (Scaled(2.0), Scaled(2), False),
    "functions": (Scaled(1.0, lambda x: ops.exp(x)), Scaled(1.0, lambda x: ops.exp(x)), False),
    "class": (layers.Dropout(0.5), layers.Activation("linear"), False),
}


@pytest.mark.parametrize(("first", "second", "alike"), PAIRS.values(), ids=PAIRS)
def test_layers_are_alike_that_run_the_same_operations(first, second, alike):
    keys = [
        likeness(plan) for layer in (first, second) for plan in plans_of(unidl.Sequential([layer])).children.values()
    ]
    assert (keys[0] == keys[1]) is alike


def test_another_shape_or_a_frozen_layer_is_another(backend):
    model = unidl.Sequential([layers.Dense(8), layers.Dense(8), layers.Dense(8), layers.Dense(4), layers.Dense(8)])
    model.build((8,), backend=backend)
    model.freeze("dense_2")
    keys = [likeness(plan) for plan in plans_of(model).children.values()]
    assert keys[0] == keys[2]
    assert len(set(keys)) == 4


def test_fifty_like_layers_are_timed_once(monkeypatch):
    timed = []
    original = costs._seconds
    monkeypatch.setattr(
        costs, "_seconds", lambda play, plan, *rest: timed.append(plan.path) or original(play, plan, *rest)
    )
    model = unidl.Sequential([layers.Dense(8, activation="relu") for _ in range(50)]).build((8,), backend="torch")
    call = program_of_model(model, ((np.ones((4, 8), "float32"),),), False).calls[0]
    found = costs.costs(model.copy(), call, False, True)
    assert timed == ["", "dense"]
    assert len({cost.forward for cost in found if cost.path}) == 1
    assert all(cost.forward is not None for cost in found)

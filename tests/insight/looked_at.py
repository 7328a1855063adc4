"""Networks whose graphs and counts are known by hand."""

import itertools
from dataclasses import dataclass
from typing import Any

import numpy as np

import unidl
from unidl import Input, Model, Sequential, layers, ops


def rows(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


class Shared(Model):
    """One layer, called twice."""

    def __init__(self):
        self.twice = layers.Dense(3)

    def forward(self, x):
        return self.twice(self.twice(x))


class Dynamic(Model):
    """The data decides: whether the wide layer runs, and how often the inner one."""

    def __init__(self):
        self.wide = layers.Dense(3)
        self.inner = layers.Dense(3)

    def forward(self, x):
        if ops.mean(x) > 0.0:
            x = self.wide(x)
        while ops.max(ops.abs(x)) > 1.0:
            x = self.inner(x) * 0.1
        return x


class Pair(Model):
    """Two models, trained in turn."""

    def __init__(self):
        self.left = Sequential([layers.Dense(2)])
        self.right = Sequential([layers.Dense(2)])

    def forward(self, x):
        return self.left(x) + self.right(x)


class TwoSteps(unidl.Trainer):
    """A training step with two optimizer steps; it keeps a part of the model in an attribute, and calls parts itself."""

    def __init__(self, model, **more):
        super().__init__(model, optimizer={"left": "sgd", "right": "adam"}, **more)
        self.part = model.left

    def training_step(self, batch):
        x, y = batch
        left = self.minimize(lambda: ops.mean(ops.square(self.part(x) - y)), part=self.part, optimizer="left")
        right = self.minimize(
            lambda: ops.mean(ops.square(self.model.right(x) - y)), part=self.model.right, optimizer="right"
        )
        return {"left": left, "right": right}


def two_inputs():
    a, b = Input((4,)), Input((4,))
    return Model([a, b], layers.Dense(2)(layers.Add()([layers.Dense(3)(a), layers.Dense(3)(b)])))


def attention():
    x = Input((5, 8))
    return Model(x, layers.MultiHeadAttention(num_heads=2, key_dim=4)(x, x))


@dataclass(frozen=True)
class Case:
    """A network, what it is called with, and what is known of it.

    Args:
        model: Makes it.
        x: Its input, of one batch.
        flops: Of one call.
        parameters: Of all layers.
        edges: Of the graph "layers".
    """

    model: Any
    x: Any
    flops: int
    parameters: int
    edges: frozenset[tuple[str, str]]


def chain(*names):
    return frozenset(itertools.pairwise(names))


CASES = {
    "mlp": Case(
        lambda: Sequential([layers.Dense(4, activation="relu"), layers.Dense(2)]),
        rows(5, 3),
        2 * 5 * 3 * 4 + 5 * 4 + 5 * 4 + 2 * 5 * 4 * 2 + 5 * 2,  # product, bias, relu; product, bias
        3 * 4 + 4 + 4 * 2 + 2,
        chain("input", "dense", "dense_2", "output"),
    ),
    "conv": Case(
        lambda: Sequential([layers.Conv2D(4, 3), layers.BatchNormalization(), layers.MaxPooling2D(2)]),
        rows(2, 6, 6, 3),
        # a convolution with its bias; x - mean, * rsqrt(variance + epsilon), * gamma, + beta; 3 comparisons for each of 2 * 2 places
        2 * (2 * 4 * 4 * 4) * (3 * 3 * 3) + 2 * 4 * 4 * 4 + 4 * (2 * 4 * 4 * 4) + 2 * 4 + 3 * (2 * 2 * 2 * 4),
        3 * 3 * 3 * 4 + 4 + 8,
        chain("input", "conv2d", "batch_normalization", "max_pooling2d", "output"),
    ),
    "shared": Case(
        Shared,
        rows(5, 3),
        2 * (2 * 5 * 3 * 3 + 5 * 3),
        3 * 3 + 3,
        frozenset([("input", "twice"), ("twice", "twice"), ("twice", "output")]),
    ),
    "two inputs": Case(
        two_inputs,
        [rows(5, 4), rows(5, 4, seed=1)],
        2 * (2 * 5 * 4 * 3 + 5 * 3) + 5 * 3 + 2 * 5 * 3 * 2 + 5 * 2,
        2 * (4 * 3 + 3) + 3 * 2 + 2,
        frozenset(
            [
                ("input 1", "dense"),
                ("input 2", "dense_2"),
                ("dense", "add"),
                ("dense_2", "add"),
                ("add", "dense_3"),
                ("dense_3", "output"),
            ]
        ),
    ),
}

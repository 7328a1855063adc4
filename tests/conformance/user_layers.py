"""Layers as a user writes them."""

from __future__ import annotations

from typing import Any

from unidl import layers, ops


class Scale(layers.Layer):
    """A user's layer with a weight."""

    def setup(self, shape: Any) -> None:
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x: Any) -> Any:
        return x * self.gain


class Centre(layers.Layer):
    """A user's layer with a state that training moves."""

    def setup(self, shape: Any) -> None:
        self.add_weight("mean", (shape[-1],), initializer="zeros", trainable=False)
        self.add_weight("count", (), initializer="zeros", trainable=False)

    def forward(self, x: Any) -> Any:
        if self.training:
            self.update("mean", self.mean * 0.9 + ops.mean(ops.stop_gradient(x), axis=0) * 0.1)
            self.update("count", self.count + 1.0)
        return x - self.mean


class Renamed(layers.Dense):
    """A subclass that computes what its parent computes."""


class Doubled(layers.Dense):
    """A subclass that computes something else."""

    def forward(self, x: Any) -> Any:
        return super().forward(x) * 2.0


class Stack(layers.Layer):
    """A user's layer with a mask for its first part only."""

    def __init__(self) -> None:
        self.first = layers.LSTM(3, return_sequences=True)
        self.second = layers.LSTM(2, return_sequences=True)

    def forward(self, x: Any, mask: Any) -> Any:
        return self.second(self.first(x, mask=mask))


class Block(layers.Layer):
    """A user's layer made of layers."""

    def __init__(self, units: int) -> None:
        self.inner = [layers.Dense(units, activation="tanh"), layers.LayerNormalization()]

    def forward(self, x: Any) -> Any:
        for layer in self.inner:
            x = layer(x)
        return x


def bent(x: Any) -> Any:
    """A user's activation."""
    return x * ops.sigmoid(x) + ops.square(x) * 0.1

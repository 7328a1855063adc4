"""Models whose forward reads a weight of a layer that they hold, each beside what it computes, in NumPy."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import unidl
from unidl import layers, ops

RNG = np.random.default_rng(0)
TOKENS = RNG.integers(0, 11, (4, 3))
ROWS = RNG.normal(size=(4, 6))
Weights = dict[str, Any]


@unidl.register
class LanguageModel(unidl.Model):
    """The output layer is the embedding, transposed."""

    def __init__(self) -> None:
        self.embedding = layers.Embedding(11, 5, "normal")
        self.hidden = layers.Dense(5, activation="tanh")

    def forward(self, tokens: Any) -> Any:
        return ops.matmul(self.hidden(self.embedding(tokens)), ops.transpose(self.embedding.embeddings))


def language_model(w: Weights, tokens: Any) -> Any:
    table = w["embedding/embeddings"]
    return np.tanh(table[tokens] @ w["hidden/kernel"] + w["hidden/bias"]) @ table.T


@unidl.register
class Positions(unidl.Model):
    """A table of positions is read and never called, and so is a user's."""

    def __init__(self) -> None:
        self.tokens = layers.Embedding(11, 5, "normal")
        self.positions = layers.Embedding(3, 5, "normal")
        self.tables = {"shift": Table()}

    def forward(self, tokens: Any) -> Any:
        return ops.tanh(self.tokens(tokens) + self.positions.embeddings) * self.tables["shift"].rows


@unidl.register
class Table(layers.Layer):
    """A weight that does not depend on any input."""

    def setup(self) -> None:
        self.add_weight("rows", (3, 5), "normal")


def positions(w: Weights, tokens: Any) -> Any:
    return np.tanh(w["tokens/embeddings"][tokens] + w["positions/embeddings"]) * w["tables/shift/rows"]


@unidl.register
class Backwards(layers.Layer):
    """Another layer's kernel, transposed, with an offset of its own."""

    def __init__(self, other: layers.Dense) -> None:
        self.other = other

    def setup(self, shape: Any) -> None:
        self.add_weight("offset", (6,), "normal")

    def forward(self, x: Any) -> Any:
        return ops.matmul(x, ops.transpose(self.other.kernel)) + self.offset


@unidl.register
class Autoencoder(unidl.Model):
    """The decoder holds the encoder."""

    def __init__(self) -> None:
        self.encoder = layers.Dense(4, activation="tanh")
        self.decoder = Backwards(self.encoder)

    def forward(self, x: Any) -> Any:
        return self.decoder(self.encoder(x))


def autoencoder(w: Weights, x: Any) -> Any:
    kernel = w["encoder/kernel"]
    return np.tanh(x @ kernel + w["encoder/bias"]) @ kernel.T + w["decoder/offset"]


def functional() -> unidl.Model:
    """The same as a graph."""
    encoder = layers.Dense(4, activation="tanh", name="encoder")
    x = unidl.Input((6,))
    return unidl.Model(x, Backwards(encoder, name="decoder")(encoder(x)))


@unidl.register
class Nested(unidl.Model):
    """Reads what lies deeper, in lists, dicts and a Sequential, in a branch, a loop and a scan too."""

    def __init__(self) -> None:
        self.body = unidl.Sequential([layers.Dense(6), layers.LayerNormalization()])
        self.stages = [{"in": Inner(), "out": (layers.Dense(6), layers.Dense(6))}]

    def forward(self, x: Any) -> Any:
        y = self.body(x)
        stage = self.stages[0]
        y = stage["in"](y)
        for layer in stage["out"]:
            y = layer(y)
        gain, kernel = self.body.layer_normalization.gamma, stage["in"].deep.kernel
        y = ops.matmul(y * gain, ops.transpose(kernel)) + stage["out"][1].bias
        y = ops.cond(ops.sum(y) > 0.0, lambda v: v * gain, lambda v: v - gain, (y,))
        _, y = ops.while_loop(lambda n, _: n < 2, lambda n, v: (n + 1, ops.matmul(v, kernel)), (0, y))
        state = ops.zeros_like(y)
        _, last = ops.scan(lambda c, v: (c + v, c + v * stage["out"][0].bias), state, ops.expand_dims(y, 1), axis=1)
        return last[:, 0]


@unidl.register
class Inner(layers.Layer):
    def __init__(self) -> None:
        self.deep = layers.Dense(6, activation="tanh")

    def forward(self, x: Any) -> Any:
        return self.deep(x)


def nested(w: Weights, x: Any) -> Any:
    y = x @ w["body/dense/kernel"] + w["body/dense/bias"]
    centred = y - y.mean(-1, keepdims=True)
    gain = w["body/layer_normalization/gamma"]
    y = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * gain + w["body/layer_normalization/beta"]
    kernel = w["stages/0/in/deep/kernel"]
    y = np.tanh(y @ kernel + w["stages/0/in/deep/bias"])
    for i in (0, 1):
        y = y @ w[f"stages/0/out/{i}/kernel"] + w[f"stages/0/out/{i}/bias"]
    y = (y * gain) @ kernel.T + w["stages/0/out/1/bias"]
    y = y * gain if y.sum() > 0 else y - gain
    return y @ kernel @ kernel * w["stages/0/out/0/bias"]


@dataclass(frozen=True)
class Tied:
    """One of them.

    Args:
        make: The description.
        x: What it is called with.
        reference: What it computes of its weights and x.
        read: The weight that is read, or one of them.
    """

    make: Callable[[], unidl.Model]
    x: Any
    reference: Callable[[Weights, Any], Any]
    read: str


TIED = {
    "language model": Tied(LanguageModel, TOKENS, language_model, "embedding/embeddings"),
    "positions": Tied(Positions, TOKENS, positions, "positions/embeddings"),
    "autoencoder": Tied(Autoencoder, ROWS, autoencoder, "encoder/kernel"),
    "functional": Tied(functional, ROWS, autoencoder, "encoder/kernel"),
    "nested": Tied(Nested, ROWS, nested, "stages/0/in/deep/kernel"),
}


def built(tied: Tied, backend: str, precision: str = "float64", **more: Any) -> unidl.Model:
    """With weights that are nowhere zero."""
    model = tied.make().build(*_like(tied.x), backend=backend, precision=precision, seed=3, **more)
    rng = np.random.default_rng(1)
    model.set_weights({path: rng.normal(size=w.shape) * 0.5 for path, w in model.weights().items()})
    return model


def _like(x: Any) -> tuple[Any, ...]:
    return (unidl.Input(x.shape[1:], dtype=None if x.dtype.kind == "f" else "int64"),)

"""Models whose names are honest and odd: keywords, quotes, braces, digits, other alphabets, names that frameworks use themselves."""

from __future__ import annotations

from typing import Any

import numpy as np

import unidl
from unidl import layers, ops

# keys of a dict of layers: each is text that a line can show
KEYS = (
    "in",
    "keys",
    "a.b",
    "a_b",
    '5" disk',
    "it's",
    "1",
    2,
    "½",
    "training",
    "日 本",
    "{x}",
    "\\",
    "%s",
    'a"; f(), "b',
    "#",
    "lambda",
)
# names of attributes: keywords, and what nn.Module, keras.layers.Layer or tf.Module have themselves
ATTRIBUTES = (
    "lambda",
    "train",
    "train_",
    "relu",
    "_x",
    "dtype",
    "submodules",
    "call",
    "origin",
    "variables",
    "größe",
    "ins",
)


class Heads(unidl.Model):
    """Keys: \alpha "quoted"."""

    def __init__(self) -> None:
        self.heads = {key: layers.Dense(2) for key in KEYS}
        self.nested = [{"a b": [layers.Dense(2)], "a_b": layers.Dense(2)}, None, layers.Dense(2)]
        for name in ATTRIBUTES:
            setattr(self, name, layers.Dense(2))
        self.classs = [layers.Dense(2) for _ in range(3)]

    def forward(self, x: Any) -> Any:
        y = x[:, :2]
        for head in self.heads.values():
            y = y + head(x)
        y = y + self.nested[0]["a b"][0](x) + self.nested[0]["a_b"](x) + self.nested[2](x)
        for name in ATTRIBUTES:
            y = y + getattr(self, name)(x)
        for layer in self.classs:
            y = layer(y)
        return {"a b": y, 'it\'s "x"': {2: y * 2.0, 1: y[:, 0]}}


def scaled(title: str, docstring: str, weight: str) -> unidl.Layer:
    """A layer of a class with that name and docstring, and a weight of that name."""

    def setup(self: Any, shape: Any) -> None:
        self.add_weight(weight, (shape[-1],), "ones")

    def forward(self: Any, x: Any, default_x: float = 2.0) -> Any:
        return x * getattr(self, weight) * default_x

    cls = type(title, (unidl.Layer,), {"setup": setup, "forward": forward, "__module__": __name__})
    cls.__doc__ = docstring
    return cls()


TITLES = (
    "class",
    "A[T]",
    "<lambda>",
    "Dense",
    "keras",
    "torch",
    "größe",
    "Model",
    "range",
    "held",
    "f(x):\n  g()",
    "Forward",
)
DOCSTRINGS = (
    r"y = \nu x + \upsilon, and \N{} of it.", 'Says "y\\"', 'a"""\nb', "C:\\new\\Users", "ends with a quote\"", "back\\", "nul\0",
    "\ud800", "日本", "{x} %s", "#", '"""',
)  # fmt: skip
WEIGHTS = ("class", "weights", "dtype", "call", "build", "self", "keras", "lambda", "x", "größe", "kernel", "_x")


def strange(x: Any) -> Any:
    return ops.tanh(x) * 0.5


strange.__name__ = strange.__qualname__ = 'an "activation"; f()'


def layers_of_odd_classes() -> unidl.Model:
    odd = [scaled(*texts) for texts in zip(TITLES, DOCSTRINGS, WEIGHTS, strict=True)]
    return unidl.Sequential([layers.Dense(4, activation=strange), *odd, layers.Dense(2, name="class")], name="lambda")


class Parameters(unidl.Layer):
    """Its forward's parameters have names that code uses itself."""

    def forward(this, self: Any, torch: Any, run: Any = None, *, default_run: float = 2.0) -> Any:
        return self * default_run + torch


class OfParameters(unidl.Model):
    def __init__(self) -> None:
        self.part, self.out = Parameters(), layers.Dense(2)

    def forward(self, outputs: Any, i: Any) -> Any:
        return self.out(self.part(outputs, i, default_run=3.0))


def odd_inputs() -> unidl.Model:
    """Inputs as columns are called; layers as operations are."""
    names = ("my input", "größe in m", "class", "a/b", "a:0", 'q"x', "self", "training", "outputs", "dense", "1")
    inputs = [unidl.Input((3,), name=name) for name in names]
    y = inputs[0]
    for one in inputs[1:]:
        y = y + one
    y = layers.Dense(3, name="add")(y) * 2.0
    y = layers.Dense(3, name="dense")(y) + layers.Dense(3, name="lambda")(y)
    return unidl.Model(inputs, {"class": layers.Dense(2, name="keras")(y), "a/b:0": y, "": ops.sum(y, axis=-1)})


RNG = np.random.default_rng(5)


def floats(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype("float32")


# name -> the description, what it is built for, and its inputs
ODD: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "odd keys and attributes": (Heads, [(4,)], [floats(2, 4)]),
    "odd classes": (layers_of_odd_classes, [(3,)], [floats(2, 3)]),
    "odd parameters": (OfParameters, [(4,), (4,)], [floats(2, 4), floats(2, 4)]),
    "odd inputs": (odd_inputs, [], [[floats(2, 3) for _ in range(11)]]),
}

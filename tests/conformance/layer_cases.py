"""The layers' cases, as data: what is tested on every backend, and how each backend is to run it.

A case is a layer, its inputs, and where it differs from its layer's usual way. A way is the framework's class ("torch.nn.Linear"),
or the reason for which the definition runs. The support table in docs/ is made of the same data.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

import unidl
from unidl import layers, ops

ENGINE = os.environ.get("KERAS_BACKEND", "tensorflow")


@dataclass(frozen=True)
class Case:
    """One line of the list.

    Args:
        name: What is special about it.
        layer: The layer.
        inputs: Arrays with the batch axis first.
        named: Inputs by name.
        options: Plain arguments of forward.
        weights: Weights that are not to be drawn.
        training: Whether it can be compared in training.
        ways: Where it runs otherwise than its layer usually does.
    """

    name: str
    layer: Any
    inputs: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    training: bool = True
    ways: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its layer and its name."""
        return f"{type(self.layer).__name__}: {self.name}"

    def way(self, backend: str, precision: str, engine: str = ENGINE) -> str:
        """How it is to run: the framework's class, or the reason for the definition."""
        if backend == "keras" and engine == "torch" and precision == "float64":
            return "Keras' layers compute in float32 on the engine torch"
        keys = [f"{backend} {precision}", backend]
        if backend == "keras":
            keys = [f"keras on {engine} {precision}", f"keras on {engine}", *keys]
        usual = WAYS.get(type(self.layer), {})
        for ways in (self.ways, usual):
            for key in keys:
                if key in ways:
                    return ways[key]
        return f"{backend} has no lowering of {type(self.layer).__name__}"


# -- inputs ------------------------------------------------------------------------------------------------------------------


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    """Normal numbers that float32 holds exactly."""
    return np.random.default_rng([seed, *shape]).normal(size=shape).astype("float32").astype("float64")


def ties(*shape: int, seed: int = 0) -> np.ndarray:
    """Numbers out of -1, 0 and 1, so that many are equal, and many sit where a function has no derivative."""
    return np.random.default_rng([seed, *shape]).integers(-1, 2, shape).astype("float64")


def integers(high: int, *shape: int, dtype: str = "int64") -> np.ndarray:
    """Integers below a number."""
    return np.random.default_rng([high, *shape]).integers(0, high, shape).astype(dtype)


def truths(*shape: int) -> np.ndarray:
    """True and False."""
    return np.random.default_rng(list(shape)).integers(0, 2, shape).astype("bool")


def steps(*values: float) -> np.ndarray:
    """One example after another, with these values and their neighbours at the kinks of activations."""
    return np.array([[v, v / 2, 0.0, -v] for v in values], "float64")


def nowhere_at(mask: np.ndarray, *places: tuple[Any, ...]) -> np.ndarray:
    """A mask that is False at the places."""
    mask = mask.copy()
    for place in places:
        mask[place] = False
    return mask


# -- layers of a user ----------------------------------------------------------------------------------------------------------


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


# -- how each layer usually runs -----------------------------------------------------------------------------------------------

IN_FLOAT32 = "Keras normalises in float32 inside"
ONE_PIXEL = "{} gives the gradient at a tie to one pixel only"
NO_MODULES = "torch has functions that merge tensors, and no modules"
FIRST_ALONE = "on TensorFlow, Keras gives the gradient at a tie to the first input alone"

WAYS: dict[type, dict[str, str]] = {
    layers.Dense: {"torch": "torch.nn.Linear", "keras": "keras.layers.Dense"},
    layers.Conv2D: {"torch": "torch.nn.Conv2d", "keras": "keras.layers.Conv2D"},
    layers.MaxPooling2D: {"torch": "torch.nn.MaxPool2d", "keras": "keras.layers.MaxPooling2D"},
    layers.AveragePooling2D: {"torch": "torch.nn.AvgPool2d", "keras": "keras.layers.AveragePooling2D"},
    layers.GlobalAveragePooling2D: {
        "torch": "torch.nn.AdaptiveAvgPool2d",
        "keras": "keras.layers.GlobalAveragePooling2D",
    },
    layers.GlobalMaxPooling2D: {
        "torch": ONE_PIXEL.format("torch.nn.AdaptiveMaxPool2d"),
        "keras": "keras.layers.GlobalMaxPooling2D",
        "keras on torch": ONE_PIXEL.format("on torch, Keras"),
    },
    layers.BatchNormalization: {
        "torch": "torch.nn.BatchNorm2d",
        "keras": "keras.layers.BatchNormalization",
        "keras float64": IN_FLOAT32,
    },
    layers.LayerNormalization: {
        "torch": "torch.nn.LayerNorm",
        "keras": "keras.layers.LayerNormalization",
        "keras float64": IN_FLOAT32,
    },
    layers.Dropout: {"torch": "torch.nn.Dropout", "keras": "keras.layers.Dropout"},
    layers.Embedding: {"torch": "torch.nn.Embedding", "keras": "keras.layers.Embedding"},
    layers.LSTM: {"torch": "torch.nn.LSTM", "keras": "keras.layers.LSTM"},
    layers.MultiHeadAttention: {
        "torch": "torch.nn.MultiheadAttention",
        "keras": "keras.layers.MultiHeadAttention",
        "keras float64": "keras.layers.MultiHeadAttention rounds its scale to float32",
    },
    layers.Activation: {"keras": "keras.layers.Activation"},
    layers.ReLU: {"torch": "torch.nn.ReLU", "keras": "keras.layers.ReLU"},
    layers.Softmax: {"torch": "torch.nn.Softmax", "keras": "keras.layers.Softmax"},
    layers.Flatten: {"torch": "torch.nn.Flatten", "keras": "keras.layers.Flatten"},
    layers.Reshape: {"torch": "torch has no module that reshapes all axes", "keras": "keras.layers.Reshape"},
    layers.Add: {"torch": NO_MODULES, "keras": "keras.layers.Add"},
    layers.Subtract: {"torch": NO_MODULES, "keras": "keras.layers.Subtract"},
    layers.Multiply: {"torch": NO_MODULES, "keras": "keras.layers.Multiply"},
    layers.Average: {"torch": NO_MODULES, "keras": "keras.layers.Average"},
    layers.Maximum: {"torch": NO_MODULES, "keras": "keras.layers.Maximum", "keras on tensorflow": FIRST_ALONE},
    layers.Minimum: {"torch": NO_MODULES, "keras": "keras.layers.Minimum", "keras on tensorflow": FIRST_ALONE},
    layers.Concatenate: {"torch": NO_MODULES, "keras": "keras.layers.Concatenate"},
    Renamed: {"torch": "torch.nn.Linear", "keras": "keras.layers.Dense"},
    Doubled: dict.fromkeys(("torch", "keras"), "Doubled changes Dense"),
}

ONE_WIDTH = {
    "torch": "torch.nn.MultiheadAttention needs query features = num_heads * key_dim = num_heads * value_dim = outputs"
}
NO_MASK = {"torch": "torch.nn.LSTM knows no mask"}
OWN_ACTIVATIONS = {"torch": "torch.nn.LSTM has no activations but tanh and sigmoid"}
REPEATED_BORDER = {"keras on torch": 'on torch, Keras repeats the border where padding="same" is uneven'}
TRAILING = {"keras on torch": "on torch, keras.layers.LayerNormalization takes trailing axes only"}
OWN_FUNCTION = {
    "torch": "torch has no module for this function",
    "keras": "keras.activations has none that computes this function",
}


def bent(x: Any) -> Any:
    """A user's activation."""
    return x * ops.sigmoid(x) + ops.square(x) * 0.1


IN_TORCH = {
    "elu": "ELU", "gelu": "GELU", "gelu_tanh": "GELU", "hard_sigmoid": "Hardsigmoid", "hard_silu": "Hardswish",
    "identity": "Identity", "leaky_relu": "LeakyReLU", "log_sigmoid": "LogSigmoid", "log_softmax": "LogSoftmax",
    "mish": "Mish", "relu": "ReLU", "relu6": "ReLU6", "selu": "SELU", "sigmoid": "Sigmoid", "silu": "SiLU",
    "softmax": "Softmax", "softsign": "Softsign", "tanh": "Tanh",
}  # fmt: skip

ACTIVATION_WAYS: dict[str, dict[str, str]] = {name: {"torch": f"torch.nn.{cls}"} for name, cls in IN_TORCH.items()}
ACTIVATION_WAYS["softplus"] = {"torch": "torch.nn.Softplus is the identity above 20"}
ACTIVATION_WAYS["hard_sigmoid"]["torch float64"] = "torch.nn.Hardsigmoid rounds to float32 inside"
ACTIVATION_WAYS["selu"]["keras on tensorflow"] = OWN_FUNCTION["keras"]
for _name in ("gelu_tanh", "leaky_relu"):
    ACTIVATION_WAYS[_name]["keras"] = OWN_FUNCTION["keras"]
ACTIVATION_WAYS["gelu"]["keras float64"] = "keras.activations.gelu rounds to float32 inside"


# -- the list ------------------------------------------------------------------------------------------------------------------

KINKS = steps(1.0, 3.0, 6.0, 12.0, 25.0)

CASES = [
    Case("plain", layers.Dense(4), (normal(3, 5),)),
    Case("no bias", layers.Dense(4, use_bias=False), (normal(3, 5),)),
    Case("three axes, gelu", layers.Dense(4, activation="gelu"), (normal(3, 2, 5),)),
    Case("relu at 0", layers.Dense(4, "relu"), (ties(6, 3),), weights={"kernel": ties(3, 4), "bias": ties(4)}),
    Case("softmax", layers.Dense(4, activation="softmax"), (normal(3, 5),)),
    Case("a function of one's own", layers.Dense(4, activation=bent), (normal(3, 5),)),
    Case("subclass", Renamed(4), (normal(3, 5),)),
    Case("changed subclass", Doubled(4), (normal(3, 5),)),
    Case("valid", layers.Conv2D(3, 3), (normal(2, 6, 7, 2),)),
    Case("same, strides", layers.Conv2D(3, 3, strides=2, padding="same"), (normal(2, 6, 7, 2),)),
    Case("same, even window", layers.Conv2D(3, (2, 4), padding="same"), (normal(2, 5, 6, 2),)),
    Case("dilation", layers.Conv2D(3, 2, dilation_rate=(2, 1), padding="same"), (normal(2, 6, 7, 2),)),
    Case("groups, no bias", layers.Conv2D(4, 3, groups=2, use_bias=False), (normal(2, 5, 6, 4),)),
    Case("uneven strides, relu", layers.Conv2D(3, (3, 1), strides=(1, 2), activation="relu"), (normal(2, 5, 6, 2),)),
    Case("plain", layers.MaxPooling2D(), (normal(2, 6, 7, 3),)),
    Case("same, strides", layers.MaxPooling2D(3, 2, "same"), (-np.abs(normal(2, 6, 7, 3)),)),
    Case("ties", layers.MaxPooling2D((2, 3), (1, 2)), (ties(2, 6, 7, 3),)),
    Case("ties in padding", layers.MaxPooling2D(4, 3, "same"), (ties(2, 6, 7, 3),)),
    Case("plain", layers.AveragePooling2D(), (normal(2, 6, 7, 3),)),
    Case("same, strides", layers.AveragePooling2D(3, 2, "same"), (normal(2, 6, 7, 3),), ways=REPEATED_BORDER),
    Case("same, uneven", layers.AveragePooling2D((4, 2), (3, 1), "same"), (normal(2, 6, 7, 3),), ways=REPEATED_BORDER),
    Case("plain", layers.GlobalAveragePooling2D(), (normal(2, 4, 3, 5),)),
    Case("axes kept", layers.GlobalAveragePooling2D(keepdims=True), (normal(2, 4, 3, 5),)),
    Case("ties", layers.GlobalMaxPooling2D(), (ties(2, 4, 3, 5),)),
    Case("axes kept", layers.GlobalMaxPooling2D(keepdims=True), (normal(2, 4, 3, 5),)),
    Case("images", layers.BatchNormalization(), (normal(3, 4, 5, 2),)),
    Case("features", layers.BatchNormalization(momentum=0.99), (normal(6, 4),), ways={"torch": "torch.nn.BatchNorm1d"}),
    Case("series", layers.BatchNormalization(epsilon=1e-3), (normal(3, 5, 4),), ways={"torch": "torch.nn.BatchNorm1d"}),
    Case("volumes", layers.BatchNormalization(), (normal(2, 3, 2, 2, 4),), ways={"torch": "torch.nn.BatchNorm3d"}),
    Case("neither", layers.BatchNormalization(center=False, scale=False), (normal(3, 4, 5, 2),)),
    Case(
        "offset alone",
        layers.BatchNormalization(scale=False),
        (normal(3, 4, 5, 2),),
        ways={"torch": "torch's batch norms have both scale and offset, or neither"},
    ),
    Case(
        "one value for each channel",
        layers.BatchNormalization(),
        (normal(1, 4),),
        ways={"torch": "torch.nn.BatchNorm1d"},
    ),
    Case(
        "equal values",
        layers.BatchNormalization(epsilon=0.1),
        (np.full((4, 3), 2.0),),
        ways={"torch": "torch.nn.BatchNorm1d"},
    ),
    Case("last axis", layers.LayerNormalization(), (normal(3, 4, 6),)),
    Case("two trailing axes", layers.LayerNormalization((1, 2), epsilon=1e-3), (normal(3, 4, 6),)),
    Case("axes apart", layers.LayerNormalization((-1, 1)), (normal(2, 3, 4, 5),), ways=TRAILING),
    Case("an axis in the middle", layers.LayerNormalization(1), (normal(3, 4, 6),), ways=TRAILING),
    Case("scale alone", layers.LayerNormalization(center=False), (normal(3, 6),)),
    Case("neither", layers.LayerNormalization(center=False, scale=False), (normal(3, 6),)),
    Case(
        "offset alone",
        layers.LayerNormalization(scale=False),
        (normal(3, 6),),
        ways={"torch": "torch.nn.LayerNorm has no offset without a scale"},
    ),
    Case("equal values", layers.LayerNormalization(epsilon=0.1), (np.full((3, 6), 2.0),)),
    Case("inference", layers.Dropout(0.5), (normal(3, 6),), training=False),
    Case("nothing dropped", layers.Dropout(0.0), (normal(3, 6),)),
    Case("indices", layers.Embedding(7, 3), (integers(7, 4, 5),)),
    Case("equal indices", layers.Embedding(7, 3), (np.full((4, 2), 6, "int32"),)),
    Case("small integers", layers.Embedding(300, 3), (integers(256, 4, 2, dtype="uint8"),)),
    Case("last state", layers.LSTM(3), (normal(2, 5, 4),)),
    Case("all states", layers.LSTM(3, return_sequences=True, return_state=True), (normal(2, 5, 4),)),
    Case("one step", layers.LSTM(3), (normal(2, 1, 4),)),
    Case("no bias", layers.LSTM(3, use_bias=False), (normal(2, 5, 4),)),
    Case("backwards", layers.LSTM(3, return_sequences=True, go_backwards=True), (normal(2, 5, 4),)),
    Case(
        "other activations",
        layers.LSTM(3, activation="relu", recurrent_activation="hard_sigmoid"),
        (normal(2, 5, 4),),
        ways=OWN_ACTIVATIONS,
    ),
    Case(
        "an activation of one's own",
        layers.LSTM(3, activation=bent),
        (normal(2, 5, 4),),
        ways={**OWN_ACTIVATIONS, "keras": "keras.activations has none that computes its activation"},
    ),
    Case(
        "from a state",
        layers.LSTM(3, return_state=True),
        (normal(2, 5, 4),),
        named={"initial_state": (normal(2, 3), normal(2, 3, seed=1))},
    ),
    Case(
        "mask, nothing at all in one example",
        layers.LSTM(3, return_sequences=True, return_state=True),
        (normal(3, 5, 4),),
        named={"mask": nowhere_at(truths(3, 5), (1,))},
        ways=NO_MASK,
    ),
    Case(
        "mask, backwards",
        layers.LSTM(3, go_backwards=True),
        (normal(3, 5, 4),),
        named={"mask": truths(3, 5)},
        ways=NO_MASK,
    ),
    Case(
        "mask, from a state",
        layers.LSTM(3, return_sequences=True),
        (normal(3, 5, 4),),
        named={"mask": nowhere_at(truths(3, 5), (0, 0)), "initial_state": (normal(3, 3), normal(3, 3, seed=1))},
        ways={
            **NO_MASK,
            "keras": "keras.layers.LSTM gives zeros, not the initial state, before the first step that counts",
        },
    ),
    Case("lengths", layers.LSTM(3), (normal(3, 5, 4),), named={"lengths": np.array([5, 0, 3])}),
    Case(
        "lengths, all states",
        layers.LSTM(3, return_sequences=True),
        (normal(3, 5, 4),),
        named={"lengths": np.array([2, 5, 0], "int32")},
    ),
    Case(
        "lengths, last states",
        layers.LSTM(3, return_state=True),
        (normal(3, 5, 4),),
        named={"lengths": np.array([5, 1, 3])},
        ways={"torch": "torch.nn.LSTM does not tell the state at each example's own length"},
    ),
    Case("self", layers.MultiHeadAttention(2, 4), (normal(2, 5, 8),)),
    Case("no bias", layers.MultiHeadAttention(4, 2, use_bias=False), (normal(2, 5, 8),)),
    Case("elsewhere", layers.MultiHeadAttention(2, 4), (normal(2, 5, 8), normal(2, 3, 8))),
    Case(
        "three inputs",
        layers.MultiHeadAttention(2, 4),
        (normal(2, 5, 8),),
        named={"value": normal(2, 3, 6), "key": normal(2, 3, 7)},
    ),
    Case(
        "other widths",
        layers.MultiHeadAttention(2, 3, value_dim=5, output_dim=4),
        (normal(2, 5, 8), normal(2, 3, 7)),
        ways=ONE_WIDTH,
    ),
    Case("causal", layers.MultiHeadAttention(2, 4), (normal(2, 5, 8),), options={"causal": True}),
    Case(
        "causal, elsewhere",
        layers.MultiHeadAttention(2, 4),
        (normal(2, 5, 8), normal(2, 3, 8)),
        options={"causal": True},
    ),
    Case(
        "mask, some places look nowhere",
        layers.MultiHeadAttention(2, 4),
        (normal(3, 5, 8),),
        named={"mask": nowhere_at(truths(3, 5, 5), (0, 1), (2,))},
    ),
    Case(
        "mask of padding, no bias",
        layers.MultiHeadAttention(2, 4, use_bias=False),
        (normal(3, 4, 8), normal(3, 5, 8)),
        named={"mask": nowhere_at(truths(3, 1, 5), (1,))},
    ),
    Case(
        "mask and causal",
        layers.MultiHeadAttention(2, 4),
        (normal(3, 5, 8),),
        named={"mask": truths(3, 5, 5)},
        options={"causal": True},
    ),
    Case(
        "a mask for each head",
        layers.MultiHeadAttention(2, 4),
        (normal(3, 5, 8),),
        named={"mask": nowhere_at(truths(3, 2, 5, 5), (0, 1), (2, 0, 3))},
        ways={
            "torch": "torch.nn.MultiheadAttention is NaN where a single head may look nowhere",
            "keras": "keras.layers.MultiHeadAttention looks everywhere where a single head may look nowhere",
        },
    ),
    Case(
        "dropout, inference",
        layers.MultiHeadAttention(2, 4, dropout=0.3),
        (normal(2, 5, 8),),
        training=False,
        ways={"keras": "keras.layers.MultiHeadAttention drops by a generator of its own, which no seed reaches"},
    ),
    *(Case(name, layers.Activation(name), (KINKS,), ways=ways) for name, ways in ACTIVATION_WAYS.items()),
    Case("a function of one's own", layers.Activation(bent), (KINKS,), ways=OWN_FUNCTION),
    Case("at 0", layers.ReLU(), (ties(3, 4),)),
    Case("last axis", layers.Softmax(), (normal(3, 4) * 100,)),
    Case("another axis", layers.Softmax(axis=1), (normal(3, 4, 2),)),
    Case("images", layers.Flatten(), (normal(2, 3, 4, 2),)),
    Case("features", layers.Flatten(), (normal(2, 3),)),
    Case("all axes", layers.Reshape((4, 3)), (normal(2, 3, 4),)),
    Case("one axis left open", layers.Reshape((-1, 2)), (normal(2, 3, 4),)),
    Case("two", layers.Add(), ([normal(3, 4), normal(3, 4, seed=1)],)),
    Case("three, one repeated", layers.Add(), ([normal(3, 4, 2), normal(3, 1, 2), normal(3, 4, 1)],)),
    Case("two", layers.Subtract(), ([normal(3, 4), normal(3, 4, seed=1)],)),
    Case("three", layers.Multiply(), ([normal(3, 4), normal(3, 1), normal(3, 4, seed=1)],)),
    Case("three", layers.Average(), ([normal(3, 4), normal(3, 4, seed=1), normal(3, 4, seed=2)],)),
    Case("ties", layers.Maximum(), ([ties(3, 4), ties(3, 4, seed=1)],)),
    Case("ties", layers.Minimum(), ([ties(3, 4), ties(3, 4, seed=1)],)),
    Case("last axis", layers.Concatenate(), ([normal(3, 4), normal(3, 2)],)),
    Case("another axis", layers.Concatenate(axis=1), ([normal(3, 4, 2), normal(3, 1, 2), normal(3, 2, 2)],)),
    Case("a user's layer", Scale(), (normal(3, 4),)),
    Case("a user's state", Centre(), (normal(3, 4),)),
    Case("a mask for the first layer alone", Stack(), (normal(3, 5, 4),), named={"mask": truths(3, 5)}),
    Case("a user's block", Block(4), (normal(3, 5),)),
]


def trial(case: Case) -> unidl.testing.Trial:
    """The case, ready to run."""
    return unidl.testing.Trial(
        case.layer, case.inputs, case.named, case.options, weights=case.weights, training=case.training
    )

"""The layers' cases, as data: what is tested on every backend. The support table in docs/ is made of the same data."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from tests.conformance.case import Case
from tests.conformance.definition_cases import CASES as DEFINITIONS
from tests.conformance.inputs import integers, normal, nowhere_at, steps, ties, truths
from tests.conformance.user_layers import Block, Centre, Doubled, Renamed, Scale, Stack, bent
from tests.conformance.ways import (
    ACTIVATION_WAYS,
    NO_MASK,
    ONE_AXIS,
    ONE_WIDTH,
    OWN_ACTIVATIONS,
    OWN_FUNCTION,
    REPEATED_BORDER,
    ROUNDED,
    TO_THE_END,
    TRAILING,
)
from unidl import layers

SECOND = ("all states", "from a state", "lengths, all states")
"""The cases of LSTM in which second derivatives are compared; others are drawn in the session `robustness`."""

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
    *(
        Case(f"{padding}, {name}", layers.Conv2DTranspose(3, size, strides, padding), (normal(2, 4, 5, 2),))
        for padding in ("valid", "same")
        for name, size, strides in (
            ("plain", 3, 1),
            ("strides", 2, 2),
            ("odd window", 3, 2),
            ("even window, odd strides", 4, 3),
            ("strides beyond the window", 2, 3),
            ("uneven", (1, 4), (2, 1)),
        )
    ),
    Case(
        "relu at 0, no bias",
        layers.Conv2DTranspose(3, 3, 2, "same", activation="relu", use_bias=False),
        (ties(2, 3, 4, 2),),
        weights={"kernel": ties(3, 3, 3, 2)},
    ),
    Case("one filter, gelu", layers.Conv2DTranspose(1, 2, 2, activation="gelu"), (normal(2, 3, 4, 2),)),
    Case("nearest", layers.UpSampling2D(), (normal(2, 3, 4, 2),)),
    Case("nearest, uneven", layers.UpSampling2D((3, 1)), (ties(2, 3, 5, 2),)),
    Case(
        "nearest, a reciprocal rounded down",
        layers.UpSampling2D((41, 2)),
        (normal(2, 3, 4, 2),),
        ways={"torch": 'the reciprocal rounds down, and torch\'s "nearest" would take the pixel before'},
    ),
    Case("bilinear", layers.UpSampling2D(2, "bilinear"), (normal(2, 3, 4, 2),), ways=ROUNDED),
    Case("bilinear, uneven", layers.UpSampling2D((3, 4), "bilinear"), (ties(2, 5, 3, 2),), ways=ROUNDED),
    Case("bilinear, one pixel", layers.UpSampling2D(2, "bilinear"), (normal(2, 1, 1, 3),), ways=ROUNDED),
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
    Case("scale alone", layers.BatchNormalization(center=False), (normal(3, 4, 5, 2),)),
    Case(
        "offset alone",
        layers.BatchNormalization(scale=False),
        (normal(3, 4, 5, 2),),
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
    Case("two trailing axes", layers.LayerNormalization((1, 2), epsilon=1e-3), (normal(3, 4, 6),), ways=ONE_AXIS),
    Case("axes apart", layers.LayerNormalization((-1, 1)), (normal(2, 3, 4, 5),), ways=TRAILING),
    Case("an axis in the middle", layers.LayerNormalization(1), (normal(3, 4, 6),), ways=TRAILING),
    Case("scale alone", layers.LayerNormalization(center=False), (normal(3, 6),)),
    Case("neither", layers.LayerNormalization(center=False, scale=False), (normal(3, 6),)),
    Case(
        "offset alone",
        layers.LayerNormalization(scale=False),
        (normal(3, 6),),
    ),
    Case("equal values", layers.LayerNormalization(epsilon=0.1), (np.full((3, 6), 2.0),)),
    Case("inference", layers.Dropout(0.5), (normal(3, 6),), training=False),
    Case("nothing dropped", layers.Dropout(0.0), (normal(3, 6),)),
    Case("indices", layers.Embedding(7, 3), (integers(7, 4, 5),)),
    Case("equal indices", layers.Embedding(7, 3), (np.full((4, 2), 6, "int32"),)),
    Case("small integers", layers.Embedding(300, 3), (integers(256, 4, 2, dtype="uint8"),)),
    *(
        case if case.name in SECOND else replace(case, second=False)
        for case in (
            Case("last state", layers.LSTM(3), (normal(2, 5, 4),)),
            Case("all states", layers.LSTM(3, return_sequences=True, return_state=True), (normal(2, 5, 4),)),
            Case("one step", layers.LSTM(3), (normal(2, 1, 4),)),
            Case("no bias", layers.LSTM(3, use_bias=False), (normal(2, 5, 4),)),
            Case("backwards", layers.LSTM(3, return_sequences=True, go_backwards=True), (normal(2, 5, 4),)),
            Case(
                "other activations",
                layers.LSTM(3, activation="relu", recurrent_activation="hard_sigmoid"),
                (normal(2, 5, 4),),
                ways={**OWN_ACTIVATIONS, "keras on torch": "keras.activations has none that computes its activation"},
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
                ways=NO_MASK,
            ),
            Case(
                "lengths", layers.LSTM(3), (normal(3, 5, 4),), named={"lengths": np.array([5, 0, 3])}, ways=TO_THE_END
            ),
            Case(
                "lengths, all states",
                layers.LSTM(3, return_sequences=True),
                (normal(3, 5, 4),),
                named={"lengths": np.array([2, 5, 0], "int32")},
                ways=TO_THE_END,
            ),
            Case(
                "lengths, last states",
                layers.LSTM(3, return_state=True),
                (normal(3, 5, 4),),
                named={"lengths": np.array([5, 1, 3])},
                ways={**TO_THE_END, "torch": "torch.nn.LSTM does not tell the state at each example's own length"},
            ),
        )
    ),
    *(
        case if case.name in SECOND else replace(case, second=False)
        for case in (
            Case("last state", layers.GRU(3), (normal(2, 5, 4),)),
            Case("all states", layers.GRU(3, return_sequences=True, return_state=True), (normal(2, 5, 4),)),
            Case("no bias", layers.GRU(3, use_bias=False), (normal(2, 5, 4),)),
            Case("backwards", layers.GRU(3, return_sequences=True, go_backwards=True), (normal(2, 5, 4),)),
            Case(
                "other activations",
                layers.GRU(3, activation="relu", recurrent_activation="hard_sigmoid"),
                (normal(2, 5, 4),),
                ways={
                    "torch": "torch.nn.GRU has no activations but tanh and sigmoid",
                    "keras on torch": "keras.activations has none that computes its activation",
                },
            ),
            Case(
                "from a state",
                layers.GRU(3, return_state=True),
                (normal(2, 5, 4),),
                named={"initial_state": normal(2, 3)},
            ),
            Case(
                "mask, from a state",
                layers.GRU(3, return_sequences=True),
                (normal(3, 5, 4),),
                named={"mask": nowhere_at(truths(3, 5), (0, 0)), "initial_state": normal(3, 3)},
                ways={"torch": "torch.nn.GRU knows no mask"},
            ),
            Case("lengths", layers.GRU(3), (normal(3, 5, 4),), named={"lengths": np.array([5, 0, 3])}),
            Case("LSTM", layers.Bidirectional(layers.LSTM(3)), (normal(2, 5, 4),)),
            Case(
                "sequences, states",
                layers.Bidirectional(layers.LSTM(3, return_sequences=True, return_state=True)),
                (normal(2, 5, 4),),
            ),
            Case(
                "GRU, the mean, a mask",
                layers.Bidirectional(layers.GRU(3, return_sequences=True), "ave"),
                (normal(3, 5, 4),),
                named={"mask": truths(3, 5)},
            ),
        )
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
        ways={
            "keras": "keras.layers.MultiHeadAttention drops by a generator of its own, which no seed reaches",
            "keras float64": "keras.layers.MultiHeadAttention rounds its scale to float32",
        },
    ),
    *(
        Case(name, layers.Activation(name), (KINKS,), second=name not in ("elu", "selu"), ways=ways)
        for name, ways in ACTIVATION_WAYS.items()
    ),
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
    *DEFINITIONS,
]

"""The constructor's arguments are captured with no code in the class."""

import pytest

import unidl
from unidl import layers
from unidl.errors import ArgumentError, UnknownArgumentError


class Mine(unidl.Layer):
    def __init__(self, units, *, rate=0.5):  # no super().__init__()
        self.doubled = units * 2

    def forward(self, x):
        return x


def test_arguments_are_kept_as_given():
    layer = Mine(3, rate=0.1)
    assert layer._unidl.arguments == {"units": 3, "rate": 0.1}
    assert layer.doubled == 6
    assert repr(layer) == "Mine(units=3, rate=0.1)"
    assert layer.name == "mine"
    assert Mine(3, name="head").name == "head"


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: layers.Dense(unit=3), "Dense has no argument 'unit'.\nExpected: Dense(units, activation=None, "),
        (lambda: layers.Dense(out_features=3), "Fix: Use `units=` instead of `out_features=`."),
        (lambda: layers.Conv2D(8, 3, stride=2), "Fix: Use `strides=` instead of `stride=`."),
        (lambda: layers.Dense(), "Dense cannot be called so: missing a required argument: 'units'"),
    ],
)
def test_unknown_and_missing_arguments(make, sentence):
    with pytest.raises(UnknownArgumentError) as caught:
        make()
    assert sentence in str(caught.value)
    assert isinstance(caught.value, TypeError)


def test_a_name_becomes_part_of_paths():
    with pytest.raises(ArgumentError, match="cannot have the name 'a/b'"):
        layers.Dense(3, name="a/b")


@pytest.mark.parametrize(
    ("class_name", "name"),
    [
        ("Conv2D", "conv2d"), ("BatchNormalization", "batch_normalization"), ("LSTM", "lstm"), ("MultiHeadAttention", "multi_head_attention"),
        ("MaxPooling2D", "max_pooling2d"), ("MyRNNCell", "my_rnn_cell"),
    ],
)  # fmt: skip
def test_names_in_snake_case(class_name, name):
    assert type(class_name, (unidl.Layer,), {"__module__": __name__})().name == name

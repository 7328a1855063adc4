"""Activations by name, as layers take them."""

import pytest

from unidl import habits, ops
from unidl.errors import ArgumentError
from unidl.ops.activation import ACTIVATIONS, get_activation


@pytest.mark.parametrize(
    ("name", "activation"),
    [
        ("relu", ops.relu),
        ("swish", ops.silu),
        ("linear", ops.identity),
        (None, ops.identity),
        ("lrelu", ops.leaky_relu),
        ("ReLU", ops.relu),
        (ops.gelu, ops.gelu),
    ],
)
def test_found(name, activation):
    assert get_activation(name) is activation


def test_every_foreign_name_leads_somewhere():
    assert set(habits.ACTIVATIONS.values()) <= set(ACTIVATIONS)
    assert not set(habits.ACTIVATIONS) & set(ACTIVATIONS)


@pytest.mark.parametrize(
    ("name", "sentence"), [("rleu", "Write 'relu'"), ("zzz", "or a function of one tensor"), (3, "Received: int: 3")]
)
def test_unknown(name, sentence):
    with pytest.raises(ArgumentError) as raised:
        get_activation(name)
    assert sentence in str(raised.value)

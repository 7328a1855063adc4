"""The checks themselves: what is within their bounds comes back as it is, everything else is one typed error."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.arguments import test_every_parameter as walk
from tests.arguments.public import Parameter
from unidl import arguments, layers
from unidl.errors import ArgumentError

ANYTHING = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3), st.complex_numbers(),
    st.lists(st.integers(), max_size=3), st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.sampled_from([object(), np.float32(2.5), np.int64(3), np.bool_(True), np.array([1, 2]), np.array(3), layers.Dense]),
)  # fmt: skip


def taken(check, *args, **kwargs):
    """What a check returns, or None where it raises its error; any other error is a failure."""
    try:
        return check("Owner", "name", *args, **kwargs)
    except ArgumentError as error:
        sentence = str(error)
    assert sentence.startswith("Owner: invalid value for name.\nExpected: ")
    return None


@given(ANYTHING, st.integers(-5, 5))
def test_integers(value, least):
    found = taken(arguments.integer, value, least)
    right = isinstance(value, (int, np.integer)) and not isinstance(value, bool) and least <= value < 2**63
    assert (found is not None) == right
    assert not right or (type(found) is int and found == value)


@given(ANYTHING, st.floats(-3, 3), st.floats(-3, 3))
def test_numbers(value, least, below):
    found = taken(arguments.number, value, least=least, below=below)
    real = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(value, bool)
    right = real and abs(value) < 1e300 and math.isfinite(value) and least <= value < below
    assert (found is not None) == right
    assert not right or (type(found) is float and found == value)


@given(ANYTHING)
def test_flags(value):
    found = taken(arguments.flag, value)
    assert (found is not None) == isinstance(value, (bool, np.bool_))
    assert found is None or found is bool(value)


@given(st.one_of(ANYTHING, st.lists(st.one_of(st.none(), st.integers(-3, 40), st.floats()), max_size=4).map(tuple)))
def test_shapes(value):
    found = taken(arguments.shape, value, free=True)
    lengths = isinstance(value, (tuple, list)) and all(n is None or (type(n) is int and 1 <= n < 2**31) for n in value)
    assert (found is not None) == lengths
    assert not lengths or found == tuple(value)


@given(ANYTHING)
def test_words(value):
    assert taken(arguments.one_of, value, ("valid", "same")) == (
        value if isinstance(value, str) and value in ("valid", "same") else None
    )


@pytest.mark.parametrize(
    ("check", "value", "fix"),
    [
        (arguments.positive, "3", "Use name=3."),
        (arguments.positive, 3.0, "Use name=3."),
        (arguments.flag, "no", "Use name=False."),
        (arguments.flag, 1, "Use name=True."),
        (arguments.texts, "a", "Use name=['a']."),
        (arguments.shape, 8, "Use (8,)."),
        (arguments.positive, "three", None),
        (arguments.flag, "perhaps", None),
    ],
)
def test_a_fix_is_certain_or_absent(check, value, fix):
    with pytest.raises(ArgumentError) as caught:
        check("Owner", "name", value)
    assert caught.value.fix == fix


# -- the walk sees what is missing ---------------------------------------------------------------------------------------------


class Loose(layers.Layer):
    """Takes whatever it is given."""

    def __init__(self, units: int, odd: object = None) -> None:
        self.units = units


def test_a_parameter_without_a_check_is_seen(monkeypatch, tmp_path):
    units = Parameter("unidl.layers.Loose", "units", "int", True, False)
    monkeypatch.setitem(walk.THINGS, units.path, Loose)
    monkeypatch.setattr(walk, "PARAMETERS", [units])
    with pytest.raises(AssertionError, match=r"unidl\.layers\.Loose\(units\):\n +'3': accepted"):
        walk.refuses_all(walk.Context("torch", tmp_path), units)


def test_a_parameter_of_no_known_kind_is_seen():
    with pytest.raises(pytest.fail.Exception, match="has no family"):
        walk.family(Parameter("unidl.layers.Loose", "odd", "object", False, False))

"""The portable operators: what a native tensor gives is what the symbolic rule says; what lies outside is refused by name."""

import operator

import numpy as np
import pytest

from tests.ops.case import symbol
from unidl import ops
from unidl.backends import registry
from unidl.errors import NotPortableError
from unidl.graph.spec import DTYPES, FLOATS

ARITHMETIC = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv, "//": operator.floordiv,
    "%": operator.mod, "**": operator.pow, "@": operator.matmul,
}  # fmt: skip
COMPARISON = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
OPERATORS = {**ARITHMETIC, **COMPARISON}
COMMON = ("int32", "int64", *FLOATS)  # dtypes with which a model computes; the small integers hold data
X = np.array([[1, 2], [3, 5]])
Y = np.array([[2, 3], [3, 2]])


def native(backend, array, dtype):
    return registry.load(backend).to_tensor(array, dtype)


def allowed(function, *operands):
    """The symbolic result, None where it is refused."""
    try:
        return function(*operands)
    except NotPortableError:
        return None


def same(backend, result, rule, wanted):
    array = registry.load(backend).to_numpy(result)
    assert (tuple(result.shape), ops.dtype(result)) == (rule.shape, rule.dtype)
    np.testing.assert_allclose(
        array.astype("float64"), np.asarray(wanted, "float64"), rtol=1e-2 if "16" in rule.dtype else 1e-6
    )


@pytest.mark.parametrize("dtype", COMMON)
@pytest.mark.parametrize("sign", OPERATORS)
def test_equal_dtypes(backend, sign, dtype):
    function = OPERATORS[sign]
    rule = allowed(function, symbol((2, 2), dtype), symbol((2, 2), dtype))
    if sign == "/" and dtype not in FLOATS:
        assert rule is None
    else:
        same(backend, function(native(backend, X, dtype), native(backend, Y, dtype)), rule, function(X, Y))


@pytest.mark.parametrize("number", [2, 2.0])
@pytest.mark.parametrize("dtype", COMMON)
@pytest.mark.parametrize("sign", [sign for sign in OPERATORS if sign != "@"])
def test_number(backend, sign, dtype, number):
    function = OPERATORS[sign]
    for order in (lambda x: function(x, number), lambda x: function(number, x)):
        rule = allowed(order, symbol((2, 2), dtype))
        if dtype not in FLOATS and (sign == "/" or isinstance(number, float)):
            assert rule is None
        else:
            same(backend, order(native(backend, X, dtype)), rule, order(X.astype("float64")))


@pytest.mark.parametrize("dtype", COMMON)
def test_minus(backend, dtype):
    same(backend, -native(backend, X, dtype), -symbol((2, 2), dtype), -X)


@pytest.mark.parametrize("sign", ARITHMETIC)
def test_mixed_dtypes_are_refused(sign):
    function = ARITHMETIC[sign]
    for x in DTYPES:
        for y in DTYPES:
            if x != y:
                with pytest.raises(NotPortableError, match=r"Write ops\."):
                    function(symbol((2, 2), x), symbol((2, 2), y))


SLICES = [
    0, -1, slice(None), slice(1, None), slice(None, -1), slice(0, 3, 2), (slice(None), 1), (Ellipsis, 0), (None, 0), (0, slice(1, 3)),
    (slice(None), None, slice(2)), (Ellipsis, slice(None), None), slice(5, 9), slice(-9, 2), np.int64(1),
]  # fmt: skip


@pytest.mark.parametrize("index", SLICES, ids=str)
def test_slicing(backend, index):
    array = np.arange(24.0).reshape(3, 4, 2)
    same(backend, native(backend, array, "float32")[index], symbol(array.shape)[index], array[index])


REFUSED = [
    (lambda x: x[::-1], "ops.flip(x, axis)"),
    (lambda x: x[[0, 1]], "ops.take(x, indices, axis)"),
    (lambda x: x[symbol((2,), "int64")], "ops.take(x, indices, axis)"),
    (lambda x: x[x > 0], "ops.where(mask, x, other)"),
    (lambda x: x + np.ones(4), "ops.add(x, y)"),
    (lambda x: np.ones(4) + x, "ops.add(x, y)"),
    (lambda x: operator.add(x, [1.0]), "ops.add(x, y)"),
    (lambda x: symbol((2,), "int64") / symbol((2,), "int64"), "ops.divide(x, y)"),
    (lambda x: symbol((2,), "int32") / 2, "ops.divide(x, y)"),
    (lambda x: symbol((2,), "int32") * 0.5, "ops.multiply(x, y)"),
    (lambda x: symbol((2,), "bool") * x, "ops.multiply(x, y)"),
    (lambda x: symbol((2,), "bool") + symbol((2,), "bool"), "ops.logical_and"),
    (lambda x: (x > 0) > (x < 1), "ops.greater(x, y)"),
    (lambda x: symbol((2,), "int32") < 0.5, "ops.less(x, y)"),
    (lambda x: (x > 0) & (x < 1), "ops.logical_and(x, y)"),
    (lambda x: (x > 0) | (x < 1), "ops.logical_or(x, y)"),
    (lambda x: ~(x > 0), "ops.logical_not(x)"),
    (abs, "ops.abs(x)"),
    (round, "ops.round(x)"),
    (len, "ops.shape(x)[0]"),
    (list, "ops.unstack(x, axis=0)"),
    (float, 'ops.cast(x, "float32")'),
    (lambda x: np.mean(x), "ops.mean(x, axis)"),
    (lambda x: x.mean(), "ops.mean(x, axis)"),
    (lambda x: x.T, "ops.transpose(x)"),
    (lambda x: x.reshape(4), "ops.reshape(x, shape)"),
    (lambda x: divmod(x, 2), "ops.floor_divide(x, y) and ops.mod(x, y)"),
    (lambda x: operator.iadd(x, 1.0), "x = x + y"),
    (lambda x: operator.setitem(x, 0, 1.0), "ops.where(mask, value, x)"),
]


@pytest.mark.parametrize(("attempt", "instead"), REFUSED, ids=[instead for _, instead in REFUSED])
def test_outside_is_refused(attempt, instead):
    with pytest.raises(NotPortableError) as raised:
        attempt(symbol((None, 4)))
    assert instead in str(raised.value)

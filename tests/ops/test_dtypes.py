"""The dtype rules against what each framework really returns, for every pair of dtypes and with Python numbers."""

import numpy as np
import pytest

from tests.ops.case import symbol
from unidl import ops
from unidl.backends import registry
from unidl.errors import DtypeError
from unidl.graph.spec import DTYPES, FLOATS
from unidl.ops.op import OPS

NUMBERS = (True, 2, 2.0)
BINARY = ("add", "divide", "maximum", "floor_divide", "power", "less", "matmul")
UNARY = (
    "abs",
    "sign",
    "negative",
    "square",
    "exp",
    "floor",
    "relu",
    "sigmoid",
    "silu",
    "isnan",
    "sum",
    "mean",
    "max",
    "prod",
    "cumsum",
    "std",
    "norm",
    "all",
)


def tensor(backend, dtype, shape=(2, 2)):
    b = registry.load(backend)
    value = b.to_tensor(np.ones(shape), dtype)
    return b.keras.Variable(value, dtype=dtype, trainable=False) if b.SHARES_TENSORS else value


def dtype_of(op, *operands, **options):
    """The name of the result's dtype, or that it is refused."""
    try:
        return ops.dtype(op(*operands, **options))
    except DtypeError:
        return "refused"


@pytest.mark.parametrize("x", DTYPES)
@pytest.mark.parametrize("name", BINARY)
def test_pair(backend, name, x):
    op = OPS[name]
    rule = {y: dtype_of(op, symbol((2, 2), x), symbol((2, 2), y)) for y in DTYPES}
    real = {y: dtype_of(op, tensor(backend, x), tensor(backend, y)) for y in DTYPES}
    assert real == rule


@pytest.mark.parametrize("x", DTYPES)
def test_scalar_tensors_are_not_weak(backend, x):
    rule = {y: dtype_of(ops.multiply, symbol((2, 2), x), symbol((), y)) for y in DTYPES}
    real = {y: dtype_of(ops.multiply, tensor(backend, x), tensor(backend, y, ())) for y in DTYPES}
    assert real == rule


@pytest.mark.parametrize("x", DTYPES)
@pytest.mark.parametrize("name", [name for name in BINARY if name != "matmul"])
def test_number(backend, name, x):
    op = OPS[name]
    rule, real = {}, {}
    for number in NUMBERS:
        rule[type(number)] = (dtype_of(op, symbol((2, 2), x), number), dtype_of(op, number, symbol((2, 2), x)))
        real[type(number)] = (dtype_of(op, tensor(backend, x), number), dtype_of(op, number, tensor(backend, x)))
    assert real == rule


@pytest.mark.parametrize("x", DTYPES)
@pytest.mark.parametrize("name", UNARY)
def test_one(backend, name, x):
    op = OPS[name]
    assert dtype_of(op, tensor(backend, x)) == dtype_of(op, symbol((2, 2), x))


@pytest.mark.parametrize("x", FLOATS)
def test_array_beside_a_tensor(backend, x):
    for array in (np.ones((2, 2)), np.ones((2, 2), "float32"), np.float64(1.5), np.arange(2)):
        assert ops.dtype(ops.add(tensor(backend, x), array)) == ops.dtype(ops.add(symbol((2, 2), x), array)) == x


def test_array_alone(backend, monkeypatch):
    monkeypatch.setenv("UNIDL_BACKEND", backend)
    assert [ops.dtype(ops.exp(np.ones(2, d))) for d in ("float32", "float64", "int32")] == [
        "float32",
        "float64",
        "float32",
    ]


@pytest.mark.parametrize("target", DTYPES)
def test_cast(backend, target):
    assert {d: ops.dtype(ops.cast(tensor(backend, d), target)) for d in DTYPES} == dict.fromkeys(DTYPES, target)

"""Tensors out of nothing, on every backend and beside a tensor; and while a forward is traced."""

import numpy as np
import pytest

from tests.ops.case import symbol
from unidl import ops
from unidl.backends import registry
from unidl.errors import DtypeError
from unidl.graph.branch import explore
from unidl.graph.tensor import SymbolicTensor
from unidl.ops.op import running

# op, arguments, options, NumPy's way
CASES = [
    (ops.zeros, ((2, 3),), {}, np.zeros((2, 3), "float32")),
    (ops.zeros, (4,), {"dtype": "int64"}, np.zeros(4, "int64")),
    (ops.ones, ((2, 0),), {}, np.ones((2, 0), "float32")),
    (ops.full, ((2,), 0.5), {}, np.full(2, 0.5, "float32")),
    (ops.full, ((2,), 7), {}, np.full(2, 7, "int64")),
    (ops.full, ((), True), {}, np.full((), True)),
    (ops.arange, (5,), {}, np.arange(5)),
    (ops.arange, (1, 8, 3), {}, np.arange(1, 8, 3)),
    (ops.arange, (5, 1, -2), {}, np.arange(5, 1, -2)),
    (ops.arange, (3, 1), {}, np.arange(3, 1)),
    (ops.arange, (0, 1, 0.25), {}, np.arange(0, 1, 0.25, "float32")),
    (ops.arange, (3,), {"dtype": "float64"}, np.arange(3.0)),
    (ops.linspace, (-1, 1, 5), {}, np.linspace(-1, 1, 5, dtype="float32")),
    (ops.linspace, (0, 1, 3), {"dtype": "float64"}, np.linspace(0, 1, 3)),
    (ops.eye, (3,), {}, np.eye(3, dtype="float32")),
    (ops.eye, (2, 3), {"dtype": "int32"}, np.eye(2, 3, dtype="int32")),
    (ops.zeros_like, (np.ones((2, 3), "int32"),), {}, np.zeros((2, 3), "int32")),
    (ops.ones_like, (np.ones((2, 3), "int32"),), {"dtype": "float64"}, np.ones((2, 3))),
    (ops.full_like, (np.ones((2, 3)), 2), {}, np.full((2, 3), 2.0)),
    (ops.tensor, ([[1, 2], [3, 4]],), {}, np.array([[1, 2], [3, 4]])),
    (ops.tensor, ([1.5, 2],), {}, np.array([1.5, 2], "float32")),
    (ops.tensor, (True,), {}, np.array(True)),
    (ops.tensor, (np.array([1.5, 2])[::-1],), {}, np.array([2, 1.5])),
    (ops.tensor, (np.array([1.5, 2]),), {"dtype": "int32"}, np.array([1, 2], "int32")),
]
IDS = [f"{op.name}-{i}" for i, (op, *_) in enumerate(CASES)]


@pytest.mark.parametrize(("op", "args", "options", "wanted"), CASES, ids=IDS)
def test_created(backend, op, args, options, wanted):
    b = registry.load(backend)
    with running(b):
        found = b.to_numpy(op(*args, **options))
    np.testing.assert_allclose(found, wanted)
    assert found.dtype == wanted.dtype


@pytest.mark.parametrize(("op", "args", "options", "wanted"), CASES, ids=IDS)
def test_described(op, args, options, wanted):
    (result,) = explore(lambda: op(*args, **options))
    assert isinstance(result, SymbolicTensor)
    assert (result.shape, result.dtype) == (wanted.shape, wanted.dtype.name)


@pytest.mark.parametrize("dtype", ["float64", "int32"])
def test_like(backend, dtype):
    b = registry.load(backend)
    like = b.to_tensor(np.ones(3), dtype)
    for made in (
        ops.zeros((2,), like=like),
        ops.full(2, 1, like=like),
        ops.arange(2, like=like),
        ops.eye(2, like=like),
        ops.tensor([1, 2], like=like),
    ):
        assert ops.dtype(made) == dtype
        assert isinstance(made, type(like))
    assert ops.dtype(ops.ones(2, dtype="bool", like=like)) == "bool"


def test_length_that_is_computed(backend):
    b = registry.load(backend)

    def function(x):
        return ops.add(ops.zeros((ops.shape(x)[0], 2), like=x), ops.ones((ops.shape(x)[0], 1), like=x))

    assert ops.dtype(function(symbol((None, 3)))) == "float32"
    assert function(symbol((None, 3))).shape == (None, 2)
    from tests.ops.program import RUN

    np.testing.assert_array_equal(b.to_numpy(RUN[backend](function, [np.zeros((4, 3), "float32")])), np.ones((4, 2)))


def test_a_tensor_is_made_of_numbers(backend):
    with running(registry.load(backend)):
        with pytest.raises(DtypeError, match="rectangular"):
            ops.tensor([[1, 2], [3]])
        with pytest.raises(DtypeError, match="made of numbers"):
            ops.tensor(["a"])


@pytest.mark.parametrize("where", ["position", "name"])
def test_an_array_keeps_its_digits_beside_a_float32_tensor(backend, where):
    b = registry.load(backend)
    beside, fine = b.to_tensor(np.ones(1, "float32")), np.array([1 / 3, 1e-12 + 1])
    found = (
        ops.tensor(fine, "float64", beside)
        if where == "position"
        else ops.tensor(value=fine, dtype="float64", like=beside)
    )
    assert ops.dtype(found) == "float64"
    np.testing.assert_array_equal(b.to_numpy(found), fine)
    assert ops.dtype(ops.tensor(fine, like=beside)) == "float32"  # asked for no dtype: that of the tensor beside

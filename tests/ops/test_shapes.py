"""The shape rules against what each framework really returns, over shapes that hypothesis makes; and what they refuse."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops.case import symbol
from unidl import ops
from unidl.backends import registry
from unidl.errors import ArgumentError, DtypeError, ShapeError, UnidlError
from unidl.ops.op import OPS

# by parameter, for hypothesis takes no fixture that is made anew for each test
ON_EVERY_BACKEND = pytest.mark.parametrize("backend", ["torch", "tensorflow", "keras"])
lengths = st.integers(1, 3)
shapes = st.lists(lengths, max_size=4).map(tuple)


def tensor(backend, shape):
    b = registry.load(backend)
    array = np.ones(shape, "float32")
    return b.keras.Variable(array) if b.SHARES_TENSORS else b.to_tensor(array)


def opened(shape):
    """The shape with an unknown batch axis."""
    return (None, *shape[1:]) if shape else ()


def agrees(rule, found):
    return len(rule) == len(found) and all(a in (None, b) for a, b in zip(rule, found, strict=True))


def check(backend, name, given_shapes, **options):
    """The rule gives the framework's shape, refuses what the framework refuses, and claims no more when the batch is open."""
    op = OPS[name]
    try:
        rule = op(*(symbol(shape) for shape in given_shapes), **options).shape
    except UnidlError:
        with pytest.raises(Exception):  # noqa: B017, PT011  each framework raises its own
            op(*(tensor(backend, shape) for shape in given_shapes), **options)
        return
    found = tuple(op(*(tensor(backend, shape) for shape in given_shapes), **options).shape)
    assert rule == found
    assert agrees(op(*(symbol(opened(shape)) for shape in given_shapes), **options).shape, found)


@pytest.mark.parametrize("name", ["add", "maximum", "less"])
@ON_EVERY_BACKEND
@settings(max_examples=25)
@given(x=shapes, y=shapes)
def test_broadcast(backend, name, x, y):
    check(backend, name, [x, y])


@ON_EVERY_BACKEND
@settings(max_examples=30)
@given(x=shapes, y=shapes, z=shapes)
def test_where(backend, x, y, z):
    b = registry.load(backend)
    try:
        rule = ops.where(symbol(x, "bool"), symbol(y), symbol(z)).shape
    except ShapeError:
        return
    condition = b.to_tensor(np.ones(x, "bool"))
    assert rule == tuple(ops.where(condition, tensor(backend, y), tensor(backend, z)).shape)


@pytest.mark.parametrize("name", ["sum", "mean", "max", "prod", "any", "var", "norm", "count_nonzero", "logsumexp"])
@ON_EVERY_BACKEND
@settings(max_examples=20)
@given(data=st.data(), shape=shapes, keepdims=st.booleans())
def test_reduce(backend, name, data, shape, keepdims):
    rank = len(shape)
    axes = (
        st.lists(st.integers(-rank, rank - 1), min_size=1, max_size=rank, unique_by=lambda a: a % rank).map(tuple)
        if rank
        else st.none()
    )
    axis = data.draw(st.one_of(st.none(), st.integers(-3, 3) if rank else st.none(), axes))
    check(backend, name, [shape], axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["argmax", "argmin"])
@ON_EVERY_BACKEND
@settings(max_examples=20)
@given(shape=shapes, axis=st.one_of(st.none(), st.integers(-3, 3)), keepdims=st.booleans())
def test_position(backend, name, shape, axis, keepdims):
    if shape or axis is None:  # torch lets a scalar have an axis
        check(backend, name, [shape], axis=axis, keepdims=keepdims)


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "cumsum"])
@ON_EVERY_BACKEND
@settings(max_examples=15)
@given(shape=shapes.filter(bool), axis=st.integers(-3, 3))
def test_along(backend, name, shape, axis):
    check(backend, name, [shape], axis=axis)


@ON_EVERY_BACKEND
@settings(max_examples=60)
@given(x=shapes.filter(bool), y=shapes.filter(bool))
def test_matmul(backend, x, y):
    check(backend, "matmul", [x, y])


@ON_EVERY_BACKEND
@settings(max_examples=30)
@given(n=lengths, k=lengths, m=lengths, batch=st.lists(lengths, max_size=2).map(tuple))
def test_einsum(backend, n, k, m, batch):
    x, y = (*batch, n, k), (k, m)
    rule = ops.einsum("...nk,km->...mn", symbol(x), symbol(y)).shape
    assert rule == tuple(ops.einsum("...nk,km->...mn", tensor(backend, x), tensor(backend, y)).shape) == (*batch, m, n)


BAD = [
    (lambda x: ops.add(x, symbol((2, 5))), ShapeError, "ops.add: Operands of shapes (None, 4) and (2, 5) do not fit"),
    (lambda x: ops.matmul(x, symbol((5, 2))), ShapeError, "ops.matmul: A matrix product of (None, 4) and (5, 2)"),
    (lambda x: ops.matmul(x, 2.0), ShapeError, "at least 1 axis"),
    (lambda x: ops.sum(x, axis=2), ShapeError, "There is no axis 2 in a tensor of 2 axes"),
    (lambda x: ops.sum(x, axis=(0, -2)), ShapeError, "named twice"),
    (lambda x: ops.sum(x, axis=()), ArgumentError, "axis=None"),
    (lambda x: ops.sum(x, axis=1.0), ArgumentError, "axis is an integer"),
    (lambda x: ops.max(symbol((0, 3)), axis=0), ShapeError, "no largest"),
    (lambda x: ops.add(x, [1.0, 2.0]), ArgumentError, "A list is no operand"),
    (lambda x: ops.add(symbol((2,), "bool"), symbol((2,), "bool")), DtypeError, "Arithmetic on bool"),
    (lambda x: ops.max(symbol((2,), "bool")), DtypeError, "ops.any(x, axis)"),
    (lambda x: ops.where(x, x, x), DtypeError, "A bool tensor is needed"),
    (lambda x: ops.logical_and(x, x), DtypeError, 'ops.cast(x, "bool")'),
    (lambda x: ops.cast(x, "float"), DtypeError, "unidl has no dtype 'float'"),
    (lambda x: ops.einsum("ij,jk", x, x), ArgumentError, "no `->`"),
    (lambda x: ops.einsum("ii->i", x), ArgumentError, "cannot be read"),
    (lambda x: ops.einsum("ijk->i", x), ShapeError, "'ijk'"),
    (lambda x: ops.einsum("ij->k", x), ArgumentError, "no operand has"),
    (lambda x: ops.einsum("ij,jk->ik", x), ArgumentError, "for 2 operands"),
    (lambda x: ops.einsum("ij,jk->ik", x, symbol((5, 2))), ShapeError, "two lengths"),
    (lambda x: ops.dot(x, x), ShapeError, "ops.dot takes two vectors"),
    (lambda x: ops.tensordot(x, x, 3), ShapeError, "more axes than there are"),
    (lambda x: ops.zeros((x.shape[0], 2), like=x), ArgumentError, "ops.shape(x)[0]"),
    (lambda x: ops.arange(0, 3, 0, like=x), ArgumentError, "not 0"),
    (lambda x: ops.tensor([x, x], like=x), ArgumentError, "ops.stack"),
    (lambda x: ops.random.uniform(like=None), ArgumentError, "need a shape"),
    (lambda x: ops.random.randint((2,), 3, 3, like=x), ArgumentError, "low < high"),
    (lambda x: ops.random.dropout(x, 1.0), ArgumentError, "0 ≤ rate < 1"),
]


@pytest.mark.parametrize(("attempt", "error", "sentence"), BAD, ids=[sentence for _, _, sentence in BAD])
def test_refused(attempt, error, sentence):
    from unidl.graph.branch import explore

    with pytest.raises(error) as raised:
        list(explore(lambda: attempt(symbol((None, 4)))))
    assert sentence in str(raised.value)

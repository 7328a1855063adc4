"""Shapes that hypothesis makes: what the rule says, NumPy computes and the framework really returns; and what is refused."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.ops import cases_window
from tests.ops.case import Case, call, symbol, symbols_of, tensors_of
from unidl import ops
from unidl.backends import registry
from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.node import leaves

SHAPES = st.lists(st.integers(1, 4), min_size=1, max_size=4).map(tuple)
BACKENDS = ("torch", "tensorflow", "keras")  # not the fixture: hypothesis calls a test many times
PADDINGS = st.sampled_from(["valid", "same", [(1, 0)], [(0, 2)]])


def check(backend: str, case: Case) -> None:
    """The rule, NumPy and the framework agree; float64 to 1e-10."""
    rule = [(t.shape, t.dtype) for t in leaves(call(case, symbols_of(case, "float64")))]
    b = registry.load(backend)
    found = [b.to_numpy(t) for t in leaves(call(case, tensors_of(backend, case, "float64"), backend))]
    assert [(a.shape, a.dtype.name) for a in found] == rule
    for array, wanted in zip(found, leaves(case.oracle(*case.args, **case.kwargs)), strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
@settings(max_examples=60)
def test_conv_in_any_window(backend: str, data: st.DataObject) -> None:
    n, k, s, d = (data.draw(st.integers(1, most)) for most in (8, 4, 3, 2))
    padding = data.draw(st.one_of(PADDINGS, st.just("causal")))
    groups = data.draw(st.sampled_from([1, 2]))
    low, high = padding[0] if isinstance(padding, list) else (0, 0)
    n = max(n, (k - 1) * d + 1 - low - high) if padding not in ("same", "causal") else n
    x = cases_window.kernel(2, n, 2)
    check(backend, Case("conv", (x, cases_window.kernel(k, 2 // groups, 2), s, padding, d, groups), cases_window.conv))


@pytest.mark.parametrize("backend", BACKENDS)
@given(data=st.data())
@settings(max_examples=40)
def test_pooling_in_any_window(backend: str, data: st.DataObject) -> None:
    n, k, s = (data.draw(st.integers(1, most)) for most in (8, 4, 4))
    padding = data.draw(PADDINGS)
    if isinstance(padding, list):
        k = max(k, 1 + max(padding[0]))
    n = n if padding == "same" else max(n, k)
    name = data.draw(st.sampled_from(["max_pool", "average_pool"]))
    check(backend, Case(name, (cases_window.kernel(2, n, 2), k, s, padding), getattr(cases_window, name)))


@pytest.mark.parametrize("backend", BACKENDS)
@given(shape=SHAPES, data=st.data())
@settings(max_examples=40)
def test_manipulation_of_any_shape(backend: str, shape: tuple[int, ...], data: st.DataObject) -> None:
    x = np.arange(np.prod(shape), dtype="float64").reshape(shape)
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    size = int(np.prod(shape))
    divisor = data.draw(st.sampled_from([n for n in range(1, size + 1) if size % n == 0]))
    check(backend, Case("reshape", (x, (divisor, -1)), np.reshape))
    check(backend, Case("transpose", (x, tuple(data.draw(st.permutations(range(len(shape)))))), np.transpose))
    check(backend, Case("concatenate", ([x, x], axis), np.concatenate))
    check(backend, Case("stack", ([x, x], axis), np.stack))
    check(backend, Case("flip", (x, axis), np.flip))
    check(backend, Case("roll", (x, data.draw(st.integers(-5, 5)), axis), np.roll))
    check(backend, Case("repeat", (x, 2, axis), np.repeat))
    start, stop = data.draw(st.integers(-5, 5)), data.draw(st.one_of(st.none(), st.integers(-5, 5)))
    index = (*(slice(None),) * (axis % len(shape)), slice(start, stop, data.draw(st.integers(1, 3))))
    check(backend, Case("getitem", (x, index), lambda x, index: x[index]))


def test_a_scalar_length_from_shape() -> None:
    x = symbol((None, 4, 6))
    batch, height, width = ops.shape(x)
    assert (batch.shape, batch.dtype, height, width) == ((), "int64", 4, 6)
    assert ops.reshape(x, (batch, -1)).shape == (None, 24)
    assert ops.reshape(x, (batch, 6, 4)).shape == (None, 6, 4)
    assert ops.reshape(x, (-1, 6)).shape == (None, 6)
    assert ops.size(x).shape == ()
    assert ops.size(symbol((2, 3))) == 6


X = symbol((None, 4, 6))
REFUSED = [
    (ShapeError, "cannot be reshaped", lambda: ops.reshape(X, (ops.shape(X)[0], 5, -1))),
    (ShapeError, "cannot be reshaped", lambda: ops.reshape(symbol((2, 3)), (4,))),
    (ShapeError, "One axis at most is -1", lambda: ops.reshape(X, (-1, -1))),
    (ArgumentError, "length of an axis is an integer", lambda: ops.reshape(X, (None, 24))),
    (ShapeError, "names each once", lambda: ops.transpose(X, (0, 1, 1))),
    (ShapeError, "no axis 3", lambda: ops.flip(X, 3)),
    (ShapeError, "Only an axis of length 1", lambda: ops.squeeze(X, 1)),
    (ShapeError, "joined only if", lambda: ops.concatenate([X, symbol((None, 3, 6))], -1)),
    (ShapeError, "joined only if", lambda: ops.stack([X, symbol((None, 3, 6))])),
    (ArgumentError, "at least one tensor", lambda: ops.concatenate(X, 0)),
    (ShapeError, "needs to know the length", lambda: ops.unstack(X, 0)),
    (ShapeError, "equal parts", lambda: ops.split(X, 4, 2)),
    (ShapeError, "make up the axis", lambda: ops.split(X, [1, 2], 1)),
    (ShapeError, "cannot be broadcast", lambda: ops.broadcast_to(X, (4, 6))),
    (ArgumentError, "Unknown padding mode", lambda: ops.pad(X, [(0, 0)] * 3, "mirror")),
    (ShapeError, "pair .in front, behind.", lambda: ops.pad(X, [(1, 1)])),
    (ShapeError, "reaches further", lambda: ops.pad(X, [(0, 0), (4, 0), (0, 0)], "reflect")),
    (ShapeError, "no position 4", lambda: X[:, 4]),
    (ShapeError, "more parts than", lambda: X[0, 0, 0, 0]),
    (DtypeError, "needs integer indices", lambda: ops.take(X, X)),
    (ShapeError, "indices of the tensor's shape", lambda: ops.take_along_axis(X, symbol((None, 3, 1), "int64"), -1)),
    (ArgumentError, "number of classes", lambda: ops.one_hot(symbol((2,), "int64"), 0)),
    (ShapeError, "no longer than its axis", lambda: ops.dynamic_slice(X, (0, 0, 0), (1, 5, 1))),
    (ShapeError, "at most as many", lambda: ops.top_k(X, 7)),
    (DtypeError, "Sorting is of numbers", lambda: ops.sort(symbol((3,), "bool"))),
    (ShapeError, "does not fit the input's channels", lambda: ops.conv(X, symbol((3, 4, 8)))),
    (ShapeError, "cannot be parted into 2 groups", lambda: ops.conv(X, symbol((3, 3, 5)), groups=2)),
    (ShapeError, "does not fit into spatial axis 0", lambda: ops.conv(X, symbol((5, 6, 8)))),
    (ShapeError, "one to three spatial axes", lambda: ops.conv(symbol((None, 3)), symbol((3, 3)))),
    (DtypeError, "one floating dtype", lambda: ops.conv(X, symbol((3, 6, 8), "float64"))),
    (ArgumentError, "strides is one number", lambda: ops.conv(X, symbol((3, 6, 8)), 0)),
    (ArgumentError, "Padding for 1 spatial", lambda: ops.conv(X, symbol((3, 6, 8)), padding="full")),
    (ShapeError, "reads 6 channels", lambda: ops.conv_transpose(X, symbol((3, 6, 8)))),
    (ArgumentError, "windows that see nothing", lambda: ops.max_pool(X, 2, padding=[(2, 0)])),
    (DtypeError, "Pooling is of floats", lambda: ops.max_pool(symbol((1, 4, 4, 1), "int32"), 2)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "sentence", "function"), REFUSED, ids=[sentence for _, sentence, _ in REFUSED])
def test_refused(error: type[Exception], sentence: str, function: Any) -> None:
    with pytest.raises(error, match=sentence):
        function()


@pytest.mark.parametrize("index", [-1, 3])
def test_an_index_that_is_not_there_is_an_error(backend: str, index: int) -> None:
    """On a CPU, where looking costs nothing; each framework has its own error for it."""
    case = Case("take", (np.ones((3, 2)), np.array([0, index])), np.take)
    with pytest.raises(Exception, match=r"(?i)index|indices|range"):
        call(case, tensors_of(backend, case, "float32"), backend)


def test_convolution_on_torch_makes_no_copy_of_the_image() -> None:
    import torch

    x = torch.ones((1, 4, 4, 8))
    y = ops.conv(x, torch.ones((3, 3, 8, 8)), padding="same")
    assert y.is_contiguous()  # channels last all the way: torch computed on the view and gave the view back

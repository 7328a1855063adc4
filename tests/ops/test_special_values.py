"""NaN, infinities, ties, overflow, empty tensors and all the digits of a float64: one meaning on every backend, NumPy's where it has one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import unidl
from unidl import ops

NAN, INF = float("nan"), float("inf")
MOST = 2**31 - 1


def a(values: Any, dtype: str = "float64") -> np.ndarray:
    return np.array(values, dtype)


# what is computed of tensors of the arrays, and what comes of it
TABLE: dict[str, tuple[Callable[..., Any], list[np.ndarray], Any]] = {
    "max takes NaN": (ops.max, [a([1, NAN, 3])], NAN),
    "min takes NaN": (ops.min, [a([1, NAN, 3])], NAN),
    "argmax takes the first NaN": (ops.argmax, [a([1, NAN, 3, NAN])], 1),
    "argmin takes the first NaN": (ops.argmin, [a([1, NAN, 3, NAN])], 1),
    "argmax at a tie": (ops.argmax, [a([1, 3, 3])], 1),
    "argmin at a tie": (ops.argmin, [a([3, 1, 1])], 1),
    "argmax of infinities": (ops.argmax, [a([-INF, INF, INF])], 1),
    "sort puts NaN last": (ops.sort, [a([NAN, INF, 1, -INF])], [-INF, 1, INF, NAN]),
    "argsort at ties": (ops.argsort, [a([2, 1, 2, 1])], [1, 3, 0, 2]),
    "top_k at ties": (lambda x: ops.top_k(x, 3)[1], [a([1, 2, 2, 2])], [1, 2, 3]),
    "top_k takes NaN first": (lambda x: ops.top_k(x, 2)[1], [a([1, NAN, 3])], [1, 2]),
    "sign of NaN": (ops.sign, [a([NAN, -INF, 0])], [NAN, -1, 0]),
    "relu of NaN": (ops.relu, [a([NAN, -INF, INF])], [NAN, 0, INF]),
    "maximum takes NaN": (ops.maximum, [a([NAN, 1]), a([1, NAN])], [NAN, NAN]),
    "clip keeps NaN": (lambda x: ops.clip(x, 0.0, 1.0), [a([NAN, INF, -INF])], [NAN, 1, 0]),
    "erf of infinities": (ops.erf, [a([INF, -INF, NAN])], [1, -1, NAN]),
    "gelu of infinity": (ops.gelu, [a([INF])], [INF]),
    "softmax with an infinity": (ops.softmax, [a([[3, INF], [1, 1]])], [[NAN, NAN], [0.5, 0.5]]),
    "floor_divide by infinity": (ops.floor_divide, [a([-1, 1, 5, -5]), a([INF, INF, -INF, -INF])], [-1, 0, -1, 0]),
    "floor_divide by 0": (ops.floor_divide, [a([1, -1, 0]), a([0, 0, 0])], [INF, -INF, NAN]),
    "mod by infinity": (ops.mod, [a([-1, 1]), a([INF, INF])], [INF, 1]),
    "the quotient that belongs to the remainder": (ops.floor_divide, [a([7.0, 1.0]), a([0.1, 0.1])], [69, 9]),
    "floor of a quotient of integers": (ops.floor_divide, [a([-7, 7], "int32"), a([2, -2], "int32")], [-4, -4]),
    "a sum that wraps around": (ops.add, [a([MOST], "int32"), a([1], "int32")], [-(2**31)]),
    "a small product that wraps around": (ops.multiply, [a([100], "int8"), a([3], "int8")], [44]),
    "a difference without sign": (ops.subtract, [a([0], "uint8"), a([1], "uint8")], [255]),
    "a sum over int32 is int64": (ops.sum, [a([MOST, MOST], "int32")], 2 * MOST),
    "a product over int32 is int64": (ops.prod, [a([MOST, 2], "int32")], 2 * MOST),
    "einsum keeps int32": (lambda x: ops.einsum("i->", x), [a([MOST, MOST], "int32")], -2),
    "matmul keeps int32": (ops.matmul, [a([[MOST, MOST]], "int32"), a([[1], [1]], "int32")], [[-2]]),
    "shift out to the left": (ops.left_shift, [a([1, 1], "int32"), a([32, -1], "int32")], [0, 0]),
    "shift out to the right": (ops.right_shift, [a([-8, 8], "int32"), a([40, 40], "int32")], [-1, 0]),
    "einsum sums over dots": (
        lambda x, y: ops.einsum("...ik,...j->ij", x, y), [np.ones((1, 2, 3)), np.ones(3)], [[3, 3, 3], [3, 3, 3]],
    ),
    "sum of nothing": (ops.sum, [np.zeros((0,))], 0),
    "product of nothing": (ops.prod, [np.zeros((0,))], 1),
    "mean of nothing": (ops.mean, [np.zeros((0,))], NAN),
    "softmax of nothing": (ops.softmax, [np.zeros((2, 0))], np.zeros((2, 0))),
    "sort of nothing": (ops.sort, [np.zeros((0,))], np.zeros((0,))),
    "sum to no rows": (lambda x: ops.sum(x, axis=1), [np.zeros((0, 3))], np.zeros((0,))),
    "product with nothing inside": (ops.matmul, [np.zeros((2, 0)), np.zeros((0, 3))], np.zeros((2, 3))),
    "0 to the 0": (ops.power, [a([0.0, NAN]), a([0.0, 0.0])], [1, 1]),
    "a Python number beside float64": (lambda x: ops.add(x, 0.1), [a([0.0])], [0.1]),
    "pad's value": (lambda x: ops.pad(x, [(1, 0)], value=0.1), [a([1.0])], [0.1, 1.0]),
    "full_like": (lambda x: ops.full_like(x, 0.1), [a([1.0])], [0.1]),
    "arange like float64": (lambda x: ops.arange(0.0, 0.3, 0.1, like=x), [a([1.0])], list(np.arange(0.0, 0.3, 0.1))),
    "arange of 0 steps": (lambda x: ops.arange(3.0, 0.0, 1.0, like=x), [a([1.0])], []),
}  # fmt: skip

NO_TENSOR: dict[str, tuple[Callable[[], Any], Any]] = {
    "tensor": (lambda: ops.tensor(0.1, dtype="float64"), 0.1),
    "tensor of a list": (lambda: ops.tensor([0.1], dtype="float64"), [0.1]),
    "full": (lambda: ops.full((1,), 0.1, dtype="float64"), [0.1]),
    "full of a large integer": (lambda: ops.full((1,), 2**53 + 1, dtype="int64"), [2**53 + 1]),
    "arange": (lambda: ops.arange(0.1, 1.0, 0.5, dtype="float64"), [0.1, 0.6]),
    "arange's length": (lambda: ops.arange(0.1, -7.9, -4.0), [np.float32(0.1), np.float32(-3.9)]),
    "linspace": (lambda: ops.linspace(0.1, 0.7, 2, dtype="float64"), [0.1, 0.7]),
}


def _computed(backend: str, function: Callable[..., Any], arrays: list[np.ndarray]) -> np.ndarray:
    with unidl.using(backend):
        return unidl.to_numpy(function(*[ops.tensor(array) for array in arrays]))


class All(unidl.Model):
    """Every row of the table that has elements, each of one example's arrays."""

    rows = tuple(name for name in TABLE if "nothing" not in name and "no " not in name)

    def forward(self, *inputs):
        left, outputs = list(inputs), []
        for name in self.rows:
            function, arrays, _ = TABLE[name]
            args = [left.pop(0)[0] for _ in arrays]
            outputs.append(ops.expand_dims(function(*args), 0))
        return outputs


@pytest.mark.parametrize("name", TABLE)
def test_table(backend: str, name: str) -> None:
    function, arrays, expected = TABLE[name]
    np.testing.assert_allclose(_computed(backend, function, arrays), expected, rtol=1e-12)


def test_table_in_a_model(backend: str) -> None:
    arrays = [array for name in All.rows for array in TABLE[name][1]]
    inputs = [unidl.Input(array.shape, dtype=array.dtype.name) for array in arrays]
    outputs = All().build(*inputs, backend=backend)(*[array[None] for array in arrays])
    for name, output in zip(All.rows, outputs, strict=True):
        np.testing.assert_allclose(unidl.to_numpy(output)[0], TABLE[name][2], rtol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", NO_TENSOR)
def test_numbers_keep_their_digits(backend: str, name: str) -> None:
    function, expected = NO_TENSOR[name]
    with unidl.using(backend):
        np.testing.assert_allclose(unidl.to_numpy(function()), expected, rtol=1e-15 if "length" not in name else 1e-6)


def test_the_gradient_of_a_remainder_is_its_quotient(backend: str) -> None:
    with unidl.using(backend):
        x = ops.tensor(a([7.0, 1.0]))
        gradient = unidl.grad(lambda y: ops.sum(ops.mod(x, y)))(ops.tensor(a([0.1, 0.1])))
        np.testing.assert_array_equal(unidl.to_numpy(gradient), [-69, -9])


FLOATS = [NAN, INF, -INF, 0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 1e300, -1e-300, 7.25]
INTEGERS = [0, 1, -1, 2, 7, -7, 2**31 - 1, -(2**31), 2**30]
UNARY: dict[str, Callable[..., Any]] = {
    "negative": np.negative, "abs": np.abs, "sign": np.sign, "square": np.square, "floor": np.floor, "ceil": np.ceil, "round": np.round,
    "sqrt": np.sqrt, "exp": np.exp, "log": np.log, "tanh": np.tanh, "isnan": np.isnan, "isinf": np.isinf, "isfinite": np.isfinite,
    "sort": np.sort, "argmax": np.argmax, "argmin": np.argmin, "max": np.max, "min": np.min, "sum": np.sum, "cumsum": np.cumsum,
    "argsort": lambda x: np.argsort(x, kind="stable"),
}  # fmt: skip
BINARY: dict[str, Callable[..., Any]] = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum, "minimum": np.minimum,
    "less": np.less, "equal": np.equal, "not_equal": np.not_equal, "greater_equal": np.greater_equal, "power": np.power,
}  # fmt: skip
WHOLE: dict[str, Callable[..., Any]] = {
    name: oracle for name, oracle in BINARY.items() if name not in ("divide", "power")
}


def _agree(backend: str, name: str, oracle: Callable[..., Any], *arrays: np.ndarray) -> None:
    with np.errstate(all="ignore"):
        expected = oracle(*arrays)
    np.testing.assert_allclose(_computed(backend, getattr(ops, name), list(arrays)), expected, rtol=1e-12, err_msg=name)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_floats_as_numpy(backend: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    drawn = st.lists(st.sampled_from(FLOATS), min_size=n, max_size=n).map(a)
    x, y = data.draw(drawn), data.draw(drawn)
    for name, oracle in UNARY.items():
        _agree(backend, name, oracle, x)
    for name, oracle in BINARY.items():
        _agree(backend, name, oracle, x, y)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_integers_as_numpy(backend: str, data: st.DataObject) -> None:
    n = data.draw(st.integers(1, 9))
    drawn = st.lists(st.sampled_from(INTEGERS), min_size=n, max_size=n).map(lambda values: a(values, "int32"))
    x, y = data.draw(drawn), data.draw(drawn)
    for name in ("negative", "abs", "sign", "square", "sort", "argsort", "argmax", "argmin", "max", "min"):
        _agree(backend, name, UNARY[name], x)
    for name, oracle in WHOLE.items():
        _agree(backend, name, oracle, x, y)
    divisor = np.where(y == 0, 3, y)
    divisor = np.where((x == INTEGERS[7]) & (divisor == -1), 3, divisor).astype("int32")  # its quotient is no int32
    _agree(backend, "floor_divide", np.floor_divide, x, divisor)
    _agree(backend, "mod", np.mod, x, divisor)

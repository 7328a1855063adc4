"""Ops in built models, on inputs and constants: every case, and operands that broadcast in every direction.

A model is not an eager call: Keras replays it on its own symbolic tensors, TensorFlow traces a graph, and lengths that were unknown
when it was built are known when it runs (a batch of one example beside a bias, say).
"""

import os
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import unidl
from tests.ops import cases_activation, cases_arithmetic, cases_manipulation, cases_reduction, cases_window
from tests.ops.case import Case, call, expected, is_real, numeric_gradients
from unidl import ops
from unidl.backends import registry
from unidl.graph.node import leaves, map_nest
from unidl.graph.spec import TensorSpec

TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
TOGETHER = 16  # cases in one model: building it costs more than running it
EXAMPLES = int(os.environ.get("UNIDL_DRAWN", "0"))  # how many examples the session `robustness` draws


# -- every case --------------------------------------------------------------------------------------------------------------


class Calls(unidl.Model):
    """Some calls of ops, each on arrays of its own.

    Args:
        cases: The calls.
        inputs: Which of a call's arrays are inputs of the model: "all" of them, the "first", or the "last"; others are constants.
    """

    def __init__(self, cases: list[Case], inputs: str) -> None:
        self.cases = cases
        self.which = inputs

    def arrays(self) -> list[np.ndarray]:
        """The inputs, in order."""
        return [
            a
            for case in self.cases
            for a, given in zip(_arrays(case), given_of(case, self.which), strict=True)
            if given
        ]

    def forward(self, *inputs: Any) -> Any:
        rest = iter(inputs)
        outputs = []
        for case in self.cases:
            arrays = _arrays(case)
            operands = [next(rest) if given else a for a, given in zip(arrays, given_of(case, self.which), strict=True)]
            outputs.append(call(case, _in_place_of_arrays(case, operands)))
        return outputs


def given_of(case: Case, inputs: str) -> list[bool]:
    """Which of a call's arrays are inputs."""
    count = len(_arrays(case))
    return {"all": [True] * count, "first": [True] + [False] * (count - 1), "last": [False] * (count - 1) + [True]}[
        inputs
    ]


def _in_place_of_arrays(case: Case, operands: list[Any]) -> list[Any]:
    rest = iter(operands)
    args: list[Any] = map_nest(lambda v: next(rest) if _is_array(v) else v, list(case.args))
    return args


def _is_array(value: Any) -> bool:
    return isinstance(value, np.ndarray)


def _arrays(case: Case) -> list[np.ndarray]:
    return [value for value in leaves(list(case.args)) if _is_array(value)]


ALL = [
    case
    for family in (cases_arithmetic, cases_activation, cases_reduction, cases_manipulation, cases_window)
    for case in family.CASES
    if _arrays(case)
]


def chosen() -> list[Case]:
    """All cases in the session `robustness`; else the first of each op for each note and number of axes."""
    if EXAMPLES:
        return ALL
    found: dict[Any, Case] = {}
    for case in ALL:
        found.setdefault((case.op, case.note, _arrays(case)[0].ndim, len(_arrays(case))), case)
    return list(found.values())


CHOSEN = chosen()
GROUPS = [CHOSEN[i : i + TOGETHER] for i in range(0, len(CHOSEN), TOGETHER)]


@pytest.mark.parametrize("inputs", ["all", "first", "last"])
@pytest.mark.parametrize("cases", GROUPS, ids=lambda cases: f"{cases[0].op} to {cases[-1].op}")
def test_every_case_in_a_model(cases: list[Case], inputs: str, backend: str) -> None:
    """Values in both precisions, and gradients in float64, with every axis fixed."""
    model = Calls(cases, inputs)
    arrays, b = model.arrays(), registry.load(backend)
    for precision in TOLERANCE:
        specs = [TensorSpec(a.shape, precision if is_real(a) else a.dtype.name) for a in arrays]
        built = Calls(cases, inputs).build(*specs, backend=backend, precision=precision)
        found = [[b.to_numpy(leaf) for leaf in leaves(y)] for y in built(*arrays)]
        for case, ys in zip(cases, found, strict=True):
            for y, right in zip(ys, expected(case), strict=True):
                within = TOLERANCE[y.dtype.name] if is_real(y) else 0.0  # a real function of integers is float32
                np.testing.assert_allclose(
                    y.astype("float64"), right.astype("float64"), within, within * _scale(right), err_msg=str(case)
                )
    _check_gradients(built, cases, inputs, arrays, b)


def _scale(right: np.ndarray) -> float:
    finite = np.abs(right[np.isfinite(right)].astype("float64"))
    return max(float(finite.max(initial=0.0)), 1.0)


def _check_gradients(built: Any, cases: list[Case], inputs: str, arrays: list[np.ndarray], b: Any) -> None:
    given = [b.to_tensor(a, "float64" if is_real(a) else a.dtype.name) for a in arrays]
    wanted = [t for t, a in zip(given, arrays, strict=True) if is_real(a)]
    weights = [_weight(case) for case in cases]

    def total(*tensors: Any) -> Any:
        value = ops.sum(given[0] * 0.0) if is_real(arrays[0]) else 0.0
        for y, weight in zip(built(*tensors), weights, strict=True):
            if weight is not None:
                value = ops.sum(next(iter(leaves(y))) * b.to_tensor(weight)) + value
        return value

    if not wanted or all(weight is None for weight in weights):
        return
    _, gradients = b.value_and_grad(total, tuple(given), {}, wanted)
    rest = iter(gradients)
    for case, weight in zip(cases, weights, strict=True):
        right = iter(_gradients(case, weight))
        for array, is_input in zip(_arrays(case), given_of(case, inputs), strict=True):
            wanted_gradient = next(right) if is_real(array) else None
            if not is_input or not is_real(array):
                continue
            gradient = b.to_numpy(next(rest))
            if wanted_gradient is not None:
                np.testing.assert_allclose(gradient, wanted_gradient, 1e-6, 1e-6, err_msg=str(case))


def _weight(case: Case) -> np.ndarray | None:
    """By what each element of the first output counts; None for a case without gradients."""
    if case.gradient is False or not any(map(is_real, case.args)):
        return None
    shape = expected(case)[0].shape
    return np.ones(shape) if isinstance(case.gradient, list) else np.random.default_rng(0).normal(size=shape)


def _gradients(case: Case, weight: np.ndarray | None) -> list[np.ndarray | None]:
    """What is right, for each real array."""
    if weight is None:
        return [None] * len(_arrays(case))
    if isinstance(case.gradient, list):
        return list(case.gradient)
    numeric = numeric_gradients(case, weight)
    return [numeric[i] for i, value in enumerate(case.args) if is_real(value)]


# -- operands that broadcast -------------------------------------------------------------------------------------------------

BINARY = {
    "add": np.add, "subtract": np.subtract, "multiply": np.multiply, "divide": np.divide, "maximum": np.maximum,
    "minimum": np.minimum, "less": np.less, "equal": np.equal,
}  # fmt: skip


class Both(unidl.Model):
    """Every op of two operands, on x and y in both orders, and a sum of three.

    Args:
        y: The second operand; None takes it as an input.
        weight: Whether the second operand is a weight of that value.
    """

    def __init__(self, y: np.ndarray | None = None, weight: bool = False) -> None:
        self.y = None if weight else y
        self.weight = y if weight else None

    def setup(self, *shapes: Any) -> None:
        if self.weight is not None:
            self.add_weight("held", self.weight.shape, self.weight)

    def forward(self, x: Any, *more: Any) -> Any:
        y = more[0] if more else self.held if self.weight is not None else self.y
        pairs = [getattr(ops, name)(a, b) for name in BINARY for a, b in ((x, y), (y, x))]
        by_operator = x + y if more else ops.add(x, y)
        return [
            *pairs,
            by_operator,
            ops.where(ops.less(x, y), x, y),
            ops.where(ops.less(y, x), y, x),
            ops.add(ops.add(x, y), y),
        ]


def right(x: np.ndarray, y: np.ndarray) -> list[np.ndarray]:
    """The same by NumPy."""
    pairs = [function(a, b) for function in BINARY.values() for a, b in ((x, y), (y, x))]
    return [*pairs, x + y, np.where(x < y, x, y), np.where(y < x, y, x), x + y + y]


LENGTHS = st.sampled_from([1, 1, 2, 3, 3, 5])  # coincidences on purpose


@st.composite
def operands(draw: Any) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Two shapes that broadcast: any rank up to five, any axis repeated, on either side."""
    whole = draw(st.lists(LENGTHS, min_size=1, max_size=5))
    one, other = ([n if draw(st.booleans()) else 1 for n in whole] for _ in range(2))
    cut = draw(st.integers(0, len(whole)))
    other = other[cut:]
    return tuple(one), tuple(other)


# what keras.ops.add on TensorFlow takes for a bias of another axis, with a batch of one and of more
TRAPS = [
    ((2, 3, 3, 5), (3, 1)),
    ((1, 3, 3), (1, 3, 1)),
    ((2, 3), (1, 1, 3)),
    ((2, 3, 1), (3, 1)),
    ((1, 3, 2, 3), (3, 1, 1)),
]


@pytest.mark.parametrize("backend", ["torch", "tensorflow", "keras"])
@settings(max_examples=EXAMPLES or 6)
@example(shapes=TRAPS[0])
@example(shapes=TRAPS[1])
@example(shapes=TRAPS[2])
@example(shapes=TRAPS[3])
@example(shapes=TRAPS[4])
@given(shapes=operands())
def test_operands_that_broadcast(backend: str, shapes: tuple[tuple[int, ...], tuple[int, ...]]) -> None:
    """As a second input, a constant and a weight; with free batch axes too, whose lengths are known only when the model runs."""
    generator, b = np.random.default_rng(0), registry.load(backend)
    x, y = (generator.normal(size=shape).astype("float32") for shape in shapes)
    fixed = [TensorSpec(a.shape) for a in (x, y)]
    free = [TensorSpec((None, *a.shape[1:])) for a in (x, y)]
    # a free axis beside a fixed one of another operand is not what broadcasting knows at build time
    batches = x.ndim == y.ndim
    for model, specs, arrays in (
        (Both(), fixed, (x, y)),
        *([(Both(), free, (x, y))] if batches else []),
        (Both(y), fixed[:1], (x,)),
        *([(Both(y), free[:1], (x,))] if y.ndim < x.ndim or y.shape[0] == 1 else []),
        (Both(y, weight=True), fixed[:1], (x,)),
    ):
        built = model.build(*specs, backend=backend)
        for found, wanted in zip(built(*arrays), right(x, y), strict=True):
            np.testing.assert_allclose(b.to_numpy(found), wanted, 1e-6, 1e-6)
        _check_sums(built, arrays, x, y, b)


def _check_sums(built: Any, arrays: tuple[np.ndarray, ...], x: np.ndarray, y: np.ndarray, b: Any) -> None:
    """The gradient of a weighted sum of the last output, x + y + y, by every input."""
    given = [b.to_tensor(a) for a in arrays]
    share = np.random.default_rng(1).normal(size=(x + y).shape).astype("float32")
    _, found = b.value_and_grad(lambda *t: ops.sum(built(*t)[-1] * b.to_tensor(share)), tuple(given), {}, given)
    for gradient, array, times in zip(found, arrays, (1.0, 2.0), strict=False):
        np.testing.assert_allclose(b.to_numpy(gradient), times * _unbroadcast(share, array.shape), 1e-5, 1e-5)


def _unbroadcast(array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    summed = array.sum(tuple(range(array.ndim - len(shape))))
    return summed.sum(tuple(i for i, n in enumerate(shape) if n == 1), keepdims=True)

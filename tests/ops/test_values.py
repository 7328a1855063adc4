"""Every case: the value and dtype on every backend against NumPy, the gradient against differences, and under a compiler."""

import numpy as np
import pytest

from tests.ops import cases_activation, cases_arithmetic, cases_manipulation, cases_reduction, cases_window
from tests.ops.case import Case, call, expected, gradients, is_real, numeric_gradients, symbols_of, tensors_of
from unidl.backends import registry
from unidl.graph.node import leaves
from unidl.ops.op import OPS

CASES = [
    case
    for family in (cases_arithmetic, cases_activation, cases_reduction, cases_manipulation, cases_window)
    for case in family.CASES
]
DIFFERENTIABLE = [case for case in CASES if case.gradient is not False]
TOLERANCE = {"float64": 1e-10, "float32": 1e-5}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES, ids=str)
def test_value(backend: str, case: Case, dtype: str) -> None:
    result = list(leaves(call(case, tensors_of(backend, case, dtype), backend)))
    rule = list(leaves(call(case, symbols_of(case, dtype)))) if _has_array(case) else [None] * len(result)
    for found, wanted, spec in zip(result, expected(case), rule, strict=True):
        array = registry.load(backend).to_numpy(found)
        tolerance = TOLERANCE.get(array.dtype.name, 0.0)  # integers of a real function are float32, counts are exact
        np.testing.assert_allclose(
            array.astype("float64"), wanted.astype("float64"), rtol=tolerance, atol=tolerance * _scale(wanted)
        )
        assert array.shape == wanted.shape
        if spec is not None:
            assert (spec.shape, spec.dtype) == (array.shape, array.dtype.name)


@pytest.mark.parametrize("case", DIFFERENTIABLE, ids=str)
def test_gradient(backend: str, case: Case) -> None:
    shape = expected(case)[0].shape
    if isinstance(case.gradient, list):
        weight = np.ones(shape)
        given = iter(case.gradient)
        wanted = [next(given) if is_real(value) else None for value in case.args]
    else:
        weight = np.random.default_rng(0).normal(size=shape)
        wanted = numeric_gradients(case, weight)
    for found, right in zip(gradients(backend, case, weight), wanted, strict=True):
        if right is not None:
            np.testing.assert_allclose(found, right, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize(
    "case", [case for case in CASES if any(isinstance(value, np.ndarray) for value in case.args)], ids=str
)
def test_rule_with_unknown_batch(case: Case) -> None:
    known = leaves(call(case, symbols_of(case, "float32")))
    unknown = leaves(call(case, symbols_of(case, "float32", batch=True)))
    for k, u in zip(known, unknown, strict=True):
        assert len(k.shape) == len(u.shape)
        assert all(m in (n, None) for n, m in zip(k.shape, u.shape, strict=True))  # it claims no more than it knows


def _has_array(case: Case) -> bool:
    return any(isinstance(value, np.ndarray) for value in case.args)


def _scale(wanted: np.ndarray) -> float:
    finite = np.abs(wanted[np.isfinite(wanted)].astype("float64"))
    return max(float(finite.max(initial=0.0)), 1.0)


def test_every_op_has_a_case() -> None:
    families = ("arithmetic", "bitwise", "comparison", "activation", "reduction", "linear_algebra")
    ops = {name for name, op in OPS.items() if op.function.__module__.rpartition(".")[2] in families}
    assert ops - {case.op for case in CASES} == {"dtype"}

"""Arithmetic, activations, reductions and products inside a program of each framework, whose batch axis is free."""

from typing import Any

import numpy as np
import pytest

from tests.ops import cases_activation, cases_arithmetic, cases_reduction
from tests.ops.case import Case, call, expected, is_real
from tests.ops.program import RUN
from unidl.backends import registry
from unidl.graph.node import leaves


def chosen() -> list[Case]:
    """Of each op the first case on arrays."""
    found: dict[str, Case] = {}
    for case in cases_arithmetic.CASES + cases_activation.CASES + cases_reduction.CASES:
        if any(isinstance(value, np.ndarray) and value.ndim for value in case.args):
            found.setdefault(case.op, case)
    return list(found.values())


@pytest.mark.parametrize("case", chosen(), ids=str)
def test_in_a_program(backend: str, case: Case) -> None:
    arrays = [
        value.astype("float32") if is_real(value) else value for value in case.args if isinstance(value, np.ndarray)
    ]

    def function(*tensors: Any) -> Any:
        remaining = iter(tensors)
        return call(case, [next(remaining) if isinstance(value, np.ndarray) else value for value in case.args])

    result = leaves(RUN[backend](function, arrays))
    for found, wanted in zip(result, expected(case), strict=True):
        array = registry.load(backend).to_numpy(found).astype("float64")
        assert array.shape == wanted.shape
        np.testing.assert_allclose(array, wanted.astype("float64"), rtol=1e-5, atol=1e-5)

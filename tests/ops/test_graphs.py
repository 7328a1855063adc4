"""The structural families inside a program of each framework, whose batch axis is free; weights are constants there."""

from typing import Any

import numpy as np
import pytest

from tests.ops import cases_manipulation, cases_window
from tests.ops.case import Case, call, expected, is_real
from tests.ops.program import RUN
from unidl.backends import registry
from unidl.graph.node import leaves, map_nest


def chosen() -> list[Case]:
    """Of each op the first two cases, and every one that is about something."""
    seen: dict[str, int] = {}
    found = []
    for case in cases_manipulation.CASES + cases_window.CASES:
        count = seen[case.op] = seen.get(case.op, 0) + 1
        if (count <= 2 or case.note) and any(isinstance(v, np.ndarray) and v.ndim for v in leaves(list(case.args))):
            found.append(case)
    return found


@pytest.mark.parametrize("case", chosen(), ids=str)
def test_in_a_graph(backend: str, case: Case) -> None:
    b = registry.load(backend)
    arrays = [a.astype("float32") if is_real(a) else a for a in leaves(list(case.args)) if isinstance(a, np.ndarray)]
    free = len(arrays) if case.batched is None else case.batched
    weights = [b.to_tensor(a) for a in arrays[free:]]

    def function(*tensors: Any) -> Any:
        given = iter([*tensors, *weights])
        return list(
            leaves(call(case, map_nest(lambda v: next(given) if isinstance(v, np.ndarray) else v, list(case.args))))
        )

    for found, wanted in zip(leaves(RUN[backend](function, arrays[:free])), expected(case), strict=True):
        array = b.to_numpy(found)
        assert array.shape == wanted.shape
        np.testing.assert_allclose(array, wanted, rtol=1e-5, atol=1e-5)

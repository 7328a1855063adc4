"""Each case of the structural families where the framework compiles: one graph for any batch, and the same numbers."""

from typing import Any

import numpy as np
import pytest

from tests.ops import cases_manipulation, cases_window
from tests.ops.case import Case, call, expected, is_real
from unidl.backends import registry
from unidl.graph.node import leaves, map_nest

# what joins tensors of one batch axis, or cuts across it, needs its length
NEEDS_BATCH = ("concatenate", "stack", "roll", "tile", "repeat", "broadcast_to", "reshape", "dynamic_slice")
CASES = [
    case
    for case in cases_manipulation.CASES + cases_window.CASES
    if any(isinstance(value, np.ndarray) and value.ndim for value in case.args)
    and not (case.op == "conv_transpose" and case.args[2:] == (1, "valid"))  # the others go the same way and further
]


def _batched(case: Case, index: int, value: np.ndarray) -> bool:
    return bool(value.ndim) and case.op not in NEEDS_BATCH and (case.batched is None or index < case.batched)


def _inputs(case: Case) -> tuple[list[np.ndarray], list[bool]]:
    arrays = [value for value in leaves(list(case.args)) if isinstance(value, np.ndarray)]
    return arrays, [_batched(case, i, value) for i, value in enumerate(arrays)]


def _filled(case: Case, tensors: Any) -> list[Any]:
    rest = iter(tensors)
    filled: list[Any] = map_nest(lambda v: next(rest) if isinstance(v, np.ndarray) else v, list(case.args))
    return filled


def _compiled(backend: str, case: Case) -> list[np.ndarray]:
    """The results computed in a graph of the framework, whose batch axis is free."""
    b: Any = registry.load(backend)
    arrays, batched = _inputs(case)
    tensors = [b.to_tensor(a, "float32" if is_real(a) else None) for a in arrays]

    def function(*given: Any) -> Any:
        return list(leaves(call(case, _filled(case, given))))

    if backend == "torch":
        import torch

        torch.compiler.reset()
        result = torch.compile(function, fullgraph=True, backend="eager")(*tensors)
    elif backend == "tensorflow":
        import tensorflow as tf

        shapes = [[None, *a.shape[1:]] if free else a.shape for a, free in zip(arrays, batched, strict=True)]
        signature = [tf.TensorSpec(shape, t.dtype) for shape, t in zip(shapes, tensors, strict=True)]
        result = tf.function(function, input_signature=signature)(*tensors)
    else:
        keras = b.keras
        inputs = [
            keras.Input(batch_shape=(None, *a.shape[1:]) if free else a.shape, dtype=keras.backend.standardize_dtype(t.dtype))
            for a, t, free in zip(arrays, tensors, batched, strict=True)
        ]
        result = keras.Function(inputs, function(*inputs))(tensors)
    return [b.to_numpy(t) for t in result]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_in_a_graph(backend: str, case: Case) -> None:
    for found, wanted in zip(_compiled(backend, case), expected(case), strict=True):
        assert found.shape == wanted.shape
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)

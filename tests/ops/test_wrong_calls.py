"""Odd calls of every op: the typed error that a model's description gives, or what it describes, on every backend; never another error."""

import os
import zlib
from typing import Any

import numpy as np
import pytest

from tests.ops.wrong_calls import CHECKED, Call, Refused, calls, computed, described
from unidl.ops.op import Op

# one in so many is tried; nox -s robustness tries all
EACH = 1 if os.environ.get("UNIDL_EVERY_CALL") else 7


def chosen(op: Op) -> list[Call]:
    return [call for call in calls(op) if not call.odd or zlib.crc32(str(call).encode()) % EACH == 0]


@pytest.mark.parametrize("op", CHECKED, ids=lambda op: op.name)
def test_a_wrong_call_is_one_error(backend: str, op: Op) -> None:
    for call in chosen(op):
        expected, found = described(call), computed(call, backend)
        if isinstance(expected, Refused):
            assert found == expected, str(call)
        elif expected is not None and not isinstance(found, Refused):
            assert _agrees(expected, found), f"{call}: {found} instead of {expected}"
        elif isinstance(found, Refused):  # of values, which a description does not know
            # the bounds of a range are values too
            assert expected is None or found.of_values or op.name == "arange", f"{call}: {found}"


def _agrees(expected: list[Any], found: list[Any]) -> bool:
    return len(expected) == len(found) and all(map(_fits, expected, found))


def _fits(spec: Any, leaf: Any) -> bool:
    if not isinstance(spec, tuple) or not isinstance(leaf, np.ndarray):
        return bool(spec in (leaf, ((), "int64")))  # a length
    shape, dtype = spec
    same = len(shape) == leaf.ndim and all(a in (None, b) for a, b in zip(shape, leaf.shape, strict=True))
    return same and dtype in (leaf.dtype.name, "bfloat16")


def test_every_op_is_tried() -> None:
    assert len(CHECKED) > 140
    assert sum(len(list(calls(op))) for op in CHECKED) > 25_000

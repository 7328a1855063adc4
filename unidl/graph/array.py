"""What NumPy arrays and Python numbers become when they turn into tensors; the same on every backend."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.errors import DtypeError
from unidl.graph.spec import DTYPES, FLOATS

_COMMON = frozenset(DTYPES)  # what every framework takes
_DEFAULTS = {"b": "bool", "i": "int64", "u": "int64", "f": "float32"}  # of Python numbers, by NumPy's kind


def native_array(array: Any) -> np.ndarray:
    """The array in this machine's order of bytes, in which frameworks take it; of a subclass, NumPy's own.

    Raises:
        DtypeError: It is masked: which elements have no value would be lost.
    """
    if isinstance(array, np.ma.MaskedArray):
        raise DtypeError(
            "A masked array has elements without a value.",
            expected="an array of numbers",
            received=f"a masked array of {array.dtype}",
            fix="array.filled(0) gives them one; the mask may be an input of its own.",
        )
    plain = np.asarray(array)
    return plain if plain.dtype.isnative else plain.astype(plain.dtype.newbyteorder("="))


def as_array(value: Any, dtype: str | None = None) -> np.ndarray:
    """An array of a value that is no tensor: arrays keep their dtype, Python numbers get int64, float32 or bool.

    Args:
        value: An array, a NumPy scalar, a Python number, or nested lists or tuples of these.
        dtype: What the tensor will be: Python numbers become that at once, and lose no digits on the way. NumPy has no bfloat16, which
            is left to the framework.

    Raises:
        DtypeError: It holds something else than numbers, or its rows differ in length.
    """
    if isinstance(value, (np.ndarray, np.generic)):
        array = native_array(value)
        return array if dtype is None or array.dtype.name in _COMMON else array.astype(dtype)  # uint16, float128
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DtypeError("Nested lists become a tensor only if they are rectangular.", received=str(error)) from error
    if array.dtype.kind not in _DEFAULTS:
        raise DtypeError(
            "A tensor is made of numbers.",
            received=f"{type(value).__name__} of {array.dtype}",
            fix="Encode text as integers.",
        )
    if array.dtype.kind == "u" and array.size and int(array.max()) >= 2**63:
        raise DtypeError("An integer has at most 64 bits, one of them for its sign.", received=str(array.max()))
    if dtype == "bfloat16":
        return array.astype("float64")
    return array.astype(_DEFAULTS[array.dtype.kind] if dtype is None else dtype)


def is_array(value: Any) -> bool:
    """Whether it is a NumPy array or scalar."""
    return isinstance(value, (np.ndarray, np.generic))


def holds_floats(array: Any) -> bool:
    """Whether a NumPy array or scalar holds real numbers (bfloat16, which NumPy knows by extension only, included)."""
    return array.dtype.name in FLOATS


def all_finite(array: np.ndarray) -> bool:
    """Whether an array holds neither NaN nor infinity, in one pass at the speed of memory; integers never do."""
    if array.dtype.kind != "f" or not array.size:
        return True
    if array.dtype.itemsize >= 4 and (array.flags.c_contiguous or array.flags.f_contiguous):
        flat = array.reshape(-1, order="A")
        with np.errstate(all="ignore"):
            if np.isfinite(np.dot(flat, flat)):  # squares do not cancel
                return True
    return bool(np.isfinite(array).all())  # or they were only too large to be summed


def first_odd(array: np.ndarray) -> tuple[str, tuple[int, ...]]:
    """The first element that is NaN or infinite, in words, and its index."""
    index = tuple(int(i) for i in np.unravel_index(int(np.argmin(np.isfinite(array))), array.shape))
    return str(array[index]), index

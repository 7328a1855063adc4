"""Values as JSON has them, whatever a framework's own data holds."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """The value as JSON: numbers that JSON lacks (nan, inf) become words, and what is no JSON at all its `repr`.

    Example:
        >>> plain({"rate": float("nan"), "shape": (2, 3), 1: range(2)})
        {'rate': 'nan', 'shape': [2, 3], '1': 'range(0, 2)'}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    return repr(value)

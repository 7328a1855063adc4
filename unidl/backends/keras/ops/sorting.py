"""Lowerings of unidl.ops.sorting. Keras sorts upwards, on some engines without order at ties: all is made of its stable argsort."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.deferred import deferred, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.ops.manipulation import shape

ops = keras.ops
Tensor = Any


@deferred("argsort")
def argsort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    if not descending:
        return ops.cast(ops.argsort(x, axis), "int64")
    # upwards on the reversed axis, read from its end: downwards, the lowest index first at ties
    upwards = ops.cast(ops.argsort(ops.flip(x, axis), axis), "int64")
    return ops.flip(shape(x)[axis] - 1 - upwards, axis)


@deferred("sort")
def sort(x: Tensor, axis: int = -1, descending: bool = False) -> Tensor:
    return ops.take_along_axis(x, argsort(x, axis, descending), axis)


@deferred("top_k")
def top_k(x: Tensor, k: int) -> tuple[Tensor, Tensor]:
    indices = argsort(x, -1, True)[..., :k]
    return ops.take_along_axis(x, indices, -1), indices


# the engine's own know where NaN comes
TABLE: dict[str, Callable[..., Any]] = {
    "sort": of_engine("sort", sort),
    "argsort": of_engine("argsort", argsort),
    "top_k": of_engine("top_k", top_k),
}

"""Lowerings of unidl.ops.indexing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.backends.keras.deferred import deferred, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.ops.manipulation import shape

ops = keras.ops
Tensor = Any


def getitem(x: Tensor, index: Any) -> Tensor:
    return x[index]


@deferred("dynamic_slice")
def dynamic_slice(x: Tensor, starts: Sequence[Any], sizes: Sequence[int]) -> Tensor:
    fitting = [
        ops.clip(ops.cast(start, "int64"), 0, n - size) for start, n, size in zip(starts, shape(x), sizes, strict=True)
    ]
    return ops.slice(x, ops.stack(fitting), tuple(sizes)) if fitting else x


def _refusing_negative(indices: Tensor, n: Any) -> Tensor:
    """Keras counts negative indices from the end; beyond the end instead, the engine refuses them where it looks."""
    indices = ops.cast(indices, "int64")
    return ops.where(ops.less(indices, 0), ops.cast(n, "int64"), indices)


def take(x: Tensor, indices: Tensor, axis: int = 0) -> Tensor:
    return ops.take(x, _refusing_negative(indices, shape(x)[axis]), axis)


def take_along_axis(x: Tensor, indices: Tensor, axis: int) -> Tensor:
    return ops.take_along_axis(x, _refusing_negative(indices, shape(x)[axis]), axis)


@deferred("one_hot")
def one_hot(indices: Tensor, classes: int, axis: int = -1, dtype: str = "float32") -> Tensor:
    place = axis % (len(indices.shape) + 1)
    numbers = ops.reshape(
        ops.arange(classes, dtype="int64"), (-1,) + (1,) * (len(indices.shape) - place)
    )  # (classes, 1, …)
    return ops.cast(ops.equal(ops.expand_dims(ops.cast(indices, "int64"), place), numbers), dtype)


TABLE: dict[str, Callable[..., Any]] = {
    "getitem": getitem,
    "dynamic_slice": dynamic_slice,
    "take": of_engine("take", deferred("take")(take)),
    "take_along_axis": of_engine("take_along_axis", deferred("take_along_axis")(take_along_axis)),
    "one_hot": one_hot,
}

"""Lowerings of unidl.ops.manipulation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.backends.keras.deferred import Length, deferred, exact, is_plain, of_engine
from unidl.backends.keras.engine import keras
from unidl.backends.keras.promotion import constant, meet, name_of
from unidl.backends.keras.tensor import plain
from unidl.graph.operand import number_in
from unidl.ops.joining import part_lengths
from unidl.ops.manipulation import squeezed

ops = keras.ops
Tensor = Any


def shape(x: Tensor) -> tuple[Any, ...]:
    if isinstance(x, keras.KerasTensor):
        length = _counted if is_plain() else lambda x, axis: Length(axis)(x)
        return tuple(length(x, axis) if n is None else n for axis, n in enumerate(x.shape))
    return tuple(n if isinstance(n, int) else ops.cast(n, "int64") for n in ops.shape(x))


def _counted(x: Tensor, axis: int) -> Tensor:
    """The length of one axis of a KerasTensor, in operations that Keras has: an int64 scalar."""
    line = x[tuple(slice(None) if i == axis else 0 for i in range(len(x.shape)))]
    return ops.sum(ops.ones_like(line, dtype="int64"))


def _with_scalars(op: str, plain: Callable[..., Any]) -> Callable[..., Any]:
    """keras.ops' function, and a deferred one where a length is itself a KerasTensor."""
    later = deferred(op)(lambda x, shape: plain(x, _lengths(shape)))

    def run(x: Tensor, shape: Sequence[Any]) -> Tensor:
        if any(not isinstance(n, int) for n in shape):
            if is_plain() and op == "reshape" and sum(not isinstance(n, int) for n in shape) == 1:
                return plain(x, tuple(n if isinstance(n, int) else -1 for n in shape))
            return later(x, tuple(shape))
        return plain(x, tuple(shape))

    return run


def _lengths(shape: Sequence[Any]) -> Any:
    """Lengths of one dtype, as an engine packs them into one tensor."""
    return tuple(n if isinstance(n, int) else ops.cast(n, "int32") for n in shape)


def transpose(x: Tensor, axes: Sequence[int] | None = None) -> Tensor:
    rank = len(x.shape)
    return ops.transpose(x, tuple(reversed(range(rank))) if axes is None else tuple(axis % rank for axis in axes))


def squeeze(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    left = squeezed(tuple(x.shape), axis)  # refuses a length that is known and not 1
    free = tuple(x.shape).count(None) > left.count(None)  # keras.ops refuses an axis whose length is not known yet
    return _squeeze_later(x, axis) if free else ops.squeeze(x, axis)


_squeeze_later = of_engine("squeeze", ops.squeeze)


def concatenate(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return ops.concatenate(meet(*xs), axis)


def stack(xs: Sequence[Tensor], axis: int = 0) -> Tensor:
    return ops.stack([plain(x) for x in meet(*xs)], axis)


def unstack(x: Tensor, axis: int = 0) -> list[Tensor]:
    return list(ops.unstack(x, axis=axis))


def split(x: Tensor, parts: int | Sequence[int], axis: int = 0) -> list[Tensor]:
    sizes = part_lengths(x.shape[axis], parts)
    ends = [sum(sizes[: i + 1]) for i in range(len(sizes) - 1)]  # Keras wants positions
    return list(ops.split(x, ends, axis)) if ends else [plain(x)]


def tile(x: Tensor, repeats: Sequence[int]) -> Tensor:
    return ops.tile(x, tuple(repeats))


def repeat(x: Tensor, count: int, axis: int) -> Tensor:
    return ops.repeat(x, count, axis)


def flip(x: Tensor, axis: int | Sequence[int]) -> Tensor:
    return ops.flip(x, axis if isinstance(axis, int) else tuple(axis))


def roll(x: Tensor, shift: int, axis: int) -> Tensor:
    return ops.roll(x, shift, axis)


def pad_constant(x: Tensor, widths: Sequence[Sequence[int]], value: float = 0.0) -> Tensor:
    kind = name_of(x.dtype)
    filling = number_in(value, kind) if is_plain() else constant(value, kind)  # files hold numbers, and no tensors
    return ops.pad(x, tuple(tuple(pair) for pair in widths), "constant", filling)


TABLE: dict[str, Callable[..., Any]] = {
    "shape": shape,
    "reshape": _with_scalars("reshape", ops.reshape),
    "transpose": transpose,
    "expand_dims": ops.expand_dims,
    "squeeze": squeeze,
    "concatenate": concatenate,
    "stack": stack,
    "unstack": exact("unstack", unstack),
    "split": split,
    "tile": tile,
    "repeat": repeat,
    "broadcast_to": _with_scalars("broadcast_to", ops.broadcast_to),
    "flip": flip,
    "roll": roll,
    "pad_constant": pad_constant,
}

"""Padding: more elements in front of and behind each axis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.ops.indexing import getitem
from unidl.ops.joining import concatenate
from unidl.ops.manipulation import check_widths, flip, pad_constant, repeat
from unidl.ops.op import composed

Tensor = Any
MODES = ("constant", "reflect", "symmetric", "replicate", "circular")


@composed
def pad(x: Tensor, widths: Sequence[Sequence[int]], mode: str = "constant", value: float = 0.0) -> Tensor:
    """More elements in front of and behind each axis.

    Of a b c, by two on each side: "constant" v v a b c v v, "reflect" c b a b c b a, "symmetric" b a a b c c b,
    "replicate" a a a b c c c, "circular" b c a b c a b.

    Args:
        x: A tensor.
        widths: A pair (in front, behind) for each axis.
        mode: What is put there.
        value: The constant.

    Raises:
        ShapeError: The widths do not fit x, or reach further than what is mirrored.
        ArgumentError: The mode is unknown.

    Example:
        >>> unidl.to_numpy(ops.pad(np.array([1, 2, 3]), [(2, 1)], mode="reflect")).tolist()
        [3, 2, 1, 2, 3, 2]

    Where the frameworks differ: torch has no "symmetric", TensorFlow neither "replicate" nor "circular"; here slices that are
    turned and joined make all of them, on every number of axes.
    """
    if mode not in MODES:
        raise ArgumentError("Unknown padding mode.", expected=", ".join(MODES), received=repr(mode))
    if mode == "constant":
        return pad_constant(x, widths, value)
    check_widths(x, widths)
    for axis, (low, high) in enumerate(widths):
        x = _pad_axis(x, axis, low, high, mode)
    return x


def _pad_axis(x: Any, axis: int, low: int, high: int, mode: str) -> Any:
    n = x.shape[axis]
    most = None if n is None or mode == "replicate" else n - 1 if mode == "reflect" else n
    if most is not None and max(low, high) > most:
        raise ShapeError(
            f"Padding axis {axis} with mode {mode!r} reaches further than the axis.",
            expected=f"widths up to {most}",
            received=str((low, high)),
        )

    def part(start: int | None, stop: int | None) -> Any:
        return getitem(x, (slice(None),) * axis + (slice(start, stop),))

    ends: dict[str, tuple[Callable[[], Any], Callable[[], Any]]] = {
        # mode: (what stands in front, what stands behind), of the axis a b c …
        "reflect": (lambda: flip(part(1, low + 1), axis), lambda: flip(part(-high - 1, -1), axis)),
        "symmetric": (lambda: flip(part(None, low), axis), lambda: flip(part(-high, None), axis)),
        "replicate": (lambda: repeat(part(None, 1), low, axis), lambda: repeat(part(-1, None), high, axis)),
        "circular": (lambda: part(-low, None), lambda: part(None, high)),
    }
    front, behind = ends[mode]
    pieces = ([front()] if low else []) + [x] + ([behind()] if high else [])
    return concatenate(pieces, axis) if len(pieces) > 1 else x

"""Windows that slide over an image's spatial axes, of convolution and pooling: arguments made canonical, pads, result lengths.

All follow one rule. With `e = (size - 1) * dilation + 1`, the length that a window covers, an axis of length n gives

    valid:        floor((n - e) / stride) + 1
    same:         ceil(n / stride); the pads are total = max((ceil(n / stride) - 1) * stride + e - n, 0), the odd one at the end
    causal:       ceil(n / stride); (e - 1) zeros in front and none behind (one spatial axis only)
    (low, high):  as valid, with n + low + high
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl.errors import ArgumentError, ShapeError
from unidl.graph.spec import Shape

_LONGEST = 2**31  # of sizes, strides, dilations and pads: what the frameworks' kernels count with
Pads = tuple[tuple[int, int], ...]
Padding = str | Sequence[Any]


@dataclass(frozen=True)
class Window:
    """A window in canonical form, one number for each spatial axis.

    Args:
        size: Its length along each axis.
        strides: How far it moves.
        dilation: Distance between its taps.
        padding: "valid", "same", or a pair (low, high) for each axis.
    """

    size: tuple[int, ...]
    strides: tuple[int, ...]
    dilation: tuple[int, ...]
    padding: str | Pads

    @property
    def extent(self) -> tuple[int, ...]:
        """The length that the window covers, gaps included."""
        return tuple((k - 1) * d + 1 for k, d in zip(self.size, self.dilation, strict=True))

    def pads(self, lengths: Sequence[int]) -> Pads:
        """What to put in front of and behind axes of these lengths."""
        if self.padding == "valid":
            return ((0, 0),) * len(self.size)
        if isinstance(self.padding, tuple):
            return self.padding
        pairs = []
        for n, e, s in zip(lengths, self.extent, self.strides, strict=True):
            short = (-(-n // s) - 1) * s + e - n
            total = (short + abs(short)) // 2  # max(short, 0), for a length that is a tensor too
            pairs.append((total // 2, total - total // 2))
        return tuple(pairs)

    def output(self, lengths: Shape) -> Shape:
        """Lengths of the result.

        Raises:
            ShapeError: An axis is shorter than the window.
        """
        result: list[int | None] = []
        for axis, n in enumerate(lengths):
            e, s = self.extent[axis], self.strides[axis]
            if n is None:
                result.append(None)
            elif self.padding == "same":
                result.append(-(-n // s))
            else:
                low, high = self.padding[axis] if isinstance(self.padding, tuple) else (0, 0)
                if n + low + high < e:
                    raise ShapeError(
                        f"A window that covers {e} does not fit into spatial axis {axis}.",
                        expected=f"a length of at least {e - low - high}",
                        received=str(n),
                        fix='padding="same", or a smaller window or dilation.',
                    )
                result.append((n + low + high - e) // s + 1)
        return tuple(result)


def window(
    size: int | Sequence[int],
    strides: int | Sequence[int],
    padding: Padding,
    dilation: int | Sequence[int],
    rank: int,
) -> Window:
    """A window over `rank` spatial axes; a single number stands for every axis.

    Raises:
        ArgumentError: A number is below 1, their count is wrong, or the padding is unknown.
    """
    sizes = _each("size", size, rank)
    dilations = _each("dilation", dilation, rank)
    return Window(sizes, _each("strides", strides, rank), dilations, _padding(padding, sizes, dilations))


def _each(name: str, value: int | Sequence[int], rank: int) -> tuple[int, ...]:
    values: tuple[Any, ...] = tuple(value) if isinstance(value, (list, tuple)) else (value,) * rank
    if len(values) != rank or not all(_counts(v) and v >= 1 for v in values):
        raise ArgumentError(
            f"{name} is one number of at least 1, or one for each of the {rank} spatial axes.", received=repr(value)
        )
    return values


def _padding(padding: Padding, size: tuple[int, ...], dilation: tuple[int, ...]) -> str | Pads:
    if isinstance(padding, str) and padding in ("valid", "same"):
        return padding
    if isinstance(padding, str) and padding == "causal" and len(size) == 1:
        return (((size[0] - 1) * dilation[0], 0),)
    if isinstance(padding, (list, tuple)):
        pairs = tuple(_pair(p) for p in padding)
        if len(pairs) == len(size) and None not in pairs:
            return pairs  # type: ignore[return-value]
    raise ArgumentError(
        f"Padding for {len(size)} spatial axes.",
        expected='"valid", "same", "causal" (with one spatial axis), or a pair (low, high) for each spatial axis',
        received=repr(padding),
    )


def _pair(pad: Any) -> tuple[int, int] | None:
    """What is put in front and behind: a pair, or one number for both; None where it is neither."""
    pair = tuple(pad) if isinstance(pad, (list, tuple)) else (pad, pad)
    return (int(pair[0]), int(pair[1])) if len(pair) == 2 and all(map(_counts, pair)) else None


def _counts(value: Any) -> bool:
    """Whether it is an integer with which the kernels can count."""
    return isinstance(value, (int, np.integer)) and not isinstance(value, bool) and 0 <= int(value) < _LONGEST


def spatial(shape: Shape, what: str) -> Shape:
    """The lengths of the spatial axes of (batch, …, channels).

    Raises:
        ShapeError: There are not one to three of them.
    """
    if not 3 <= len(shape) <= 5:
        raise ShapeError(
            f"{what} needs one to three spatial axes.",
            expected="(batch, length, channels), (batch, height, width, channels) or (batch, depth, height, width, channels)",
            received=str(shape),
            fix="Add the missing axis with ops.expand_dims(x, axis).",
        )
    return shape[1:-1]


def convolution(
    x: Shape, kernel: Shape, strides: int | Sequence[int], padding: Padding, dilation: int | Sequence[int], groups: int
) -> tuple[Window, Shape]:
    """The window of a convolution and the shape of its result.

    Raises:
        ShapeError: The channels, the number of axes or the groups do not fit.
        ArgumentError: See `window`.
    """
    lengths = spatial(x, "A convolution")
    if len(kernel) != len(x) or None in kernel:
        raise ShapeError(
            f"A convolution of {x} needs a kernel with {len(lengths)} spatial axes, all lengths known.",
            expected="(*window, input channels / groups, output channels)",
            received=str(kernel),
        )
    channels, filters = x[-1], kernel[-1]
    if groups < 1:
        raise ArgumentError("groups is an integer of at least 1.", received=str(groups))
    if channels is not None and channels != kernel[-2] * groups:  # type: ignore[operator]
        raise ShapeError(
            f"The kernel {kernel} does not fit the input's channels (its last axis), in {groups} group(s).",
            expected=f"{kernel[-2] * groups} channels",  # type: ignore[operator]
            received=f"{channels}, in {x}",
            fix="Data is channels-last: ops.moveaxis(x, 1, -1) turns (batch, channels, …) round.",
        )
    if filters % groups:  # type: ignore[operator]
        raise ShapeError(
            f"{filters} output channels cannot be parted into {groups} groups.",
            expected=f"a multiple of {groups}",
            received=str(filters),
        )
    form = window(kernel[:-2], strides, padding, dilation, len(lengths))  # type: ignore[arg-type]
    return form, (x[0], *form.output(lengths), filters)


def transposed_convolution(
    x: Shape, kernel: Shape, strides: int | Sequence[int], padding: str, dilation: int | Sequence[int]
) -> tuple[Window, Shape]:
    """The window of a transposed convolution and the shape of its result.

    Raises:
        ShapeError: The channels or the number of axes do not fit.
        ArgumentError: See `window`; padding is "valid" or "same" here.
    """
    lengths = spatial(x, "A transposed convolution")
    if len(kernel) != len(x) or None in kernel or x[-1] not in (None, kernel[-1]):
        raise ShapeError(
            f"A transposed convolution of {x} needs a kernel with {len(lengths)} spatial axes that reads {x[-1]} channels.",
            expected="(*window, output channels, input channels)",
            received=str(kernel),
        )
    if padding not in ("valid", "same"):
        raise ArgumentError(
            "Padding of a transposed convolution.", expected='"valid" or "same"', received=repr(padding)
        )
    form = window(kernel[:-2], strides, padding, dilation, len(lengths))  # type: ignore[arg-type]
    beyond = [max(e - s, 0) if padding == "valid" else 0 for e, s in zip(form.extent, form.strides, strict=True)]
    result = [None if n is None else n * s + b for n, s, b in zip(lengths, form.strides, beyond, strict=True)]
    return form, (x[0], *result, kernel[-2])


def pooling(
    x: Shape, size: int | Sequence[int], strides: int | Sequence[int] | None, padding: Padding
) -> tuple[Window, Shape]:
    """The window of a pooling and the shape of its result.

    Raises:
        ShapeError: The number of axes does not fit, or the window is longer than an axis.
        ArgumentError: See `window`; or a pad that is as long as the window, so that a window would see nothing.
    """
    lengths = spatial(x, "Pooling")
    if isinstance(padding, str) and padding == "causal":
        raise ArgumentError("Pooling has no causal padding.", expected='"valid", "same", or pairs', received="'causal'")
    form = window(size, size if strides is None else strides, padding, 1, len(lengths))
    if isinstance(form.padding, tuple) and any(max(p) >= k for p, k in zip(form.padding, form.size, strict=True)):
        raise ArgumentError(
            "A pad as long as the pooling window makes windows that see nothing.",
            expected=f"pads below {form.size}",
            received=repr(padding),
        )
    return form, (x[0], *form.output(lengths), x[-1])

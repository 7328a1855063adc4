"""Convolution over one to three spatial axes, channels last."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.errors import DtypeError
from unidl.graph import window
from unidl.graph.array import holds_floats, is_array
from unidl.graph.operand import meeting_dtype, shape_of
from unidl.graph.spec import TensorSpec, is_float
from unidl.ops.manipulation import expand_dims, reshape
from unidl.ops.op import op
from unidl.ops.padding import pad

Tensor = Any


def _one_float(x: Any, kernel: Any) -> str:
    dtype = meeting_dtype(x, kernel)  # a constant of floats takes the tensor's
    one, other = (dtype if is_array(v) and holds_floats(v) else meeting_dtype(v) for v in (x, kernel))
    if one != other or not is_float(one):
        raise DtypeError(
            "A convolution needs input and kernel of one floating dtype.",
            expected=other,
            received=one,
            fix=f'ops.cast(x, "{other}")',
        )
    return dtype


def _conv(x: Any, kernel: Any, strides: Any, padding: Any, dilation: Any, groups: int) -> TensorSpec:
    _, result = window.convolution(shape_of(x), shape_of(kernel), strides, padding, dilation, groups)
    return TensorSpec(result, _one_float(x, kernel))


@op(_conv)
def conv(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: window.Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Tensor:
    """Convolution (cross-correlation) over the spatial axes.

        y[b, i, o] = sum over t, c of x[b, i * strides + t * dilation - low, c] * kernel[t, c, o]

    Args:
        x: (batch, *spatial, channels).
        kernel: (*window, channels / groups, filters).
        strides: How far the window moves, one number or one for each spatial axis.
        padding: "valid" (none), "same" (the result has ceil(n / stride) places; the odd zero at the end), "causal" (all
            zeros in front; one spatial axis only), or a pair (low, high) for each spatial axis.
        dilation: Distance between the kernel's taps.
        groups: The channels are parted into so many groups, each with its share of the filters; groups = channels is a
            depthwise convolution.
    Input: (batch, *spatial, channels), floating
    Output: (batch, *lengths, filters), same dtype; `unidl.graph.window` has the lengths

    Raises:
        ShapeError: The channels do not fit the kernel, or the window does not fit into an axis.
        DtypeError: Input and kernel differ in dtype, or hold no floats.
        ArgumentError: An argument has no meaning.

    Example:
        >>> ops.conv(np.ones((1, 5, 5, 3), "float32"), np.ones((3, 3, 3, 8), "float32"), 2, "same").shape == (1, 3, 3, 8)
        True

    Where the frameworks differ: torch has channels first, and no "same" with strides; here it works on views of the
    channels-last data, padded by hand. TensorFlow has no gradient of grouped convolutions on a CPU, and nowhere strides
    together with dilation: groups run one by one there (depthwise ones at once), and the strides pick from a dense result.
    """


def _conv_transpose(x: Any, kernel: Any, strides: Any, padding: str, dilation: Any) -> TensorSpec:
    _, result = window.transposed_convolution(shape_of(x), shape_of(kernel), strides, padding, dilation)
    return TensorSpec(result, _one_float(x, kernel))


@op(_conv_transpose)
def conv_transpose(
    x: Tensor,
    kernel: Tensor,
    strides: int | Sequence[int] = 1,
    padding: str = "valid",
    dilation: int | Sequence[int] = 1,
) -> Tensor:
    """Transposed convolution: what the gradient of `conv` does to its input, an upsampling with learned weights.

    Args:
        x: (batch, *spatial, channels).
        kernel: (*window, filters, channels): the kernel of the convolution that it turns round.
        strides: The factor by which each axis grows.
        padding: "valid": n * stride + max(e - stride, 0) places, with e = (window - 1) * dilation + 1; "same": n * stride,
            cut (e - stride) // 2 places from the front.
        dilation: Distance between the kernel's taps.
    Input: (batch, *spatial, channels), floating
    Output: (batch, *lengths, filters), same dtype

    Raises:
        ShapeError: The channels do not fit the kernel.
        DtypeError: Input and kernel differ in dtype, or hold no floats.
        ArgumentError: An argument has no meaning.

    Example:
        >>> ops.conv_transpose(np.ones((1, 4, 3), "float32"), np.ones((3, 8, 3), "float32"), 2, "same").shape == (1, 8, 8)
        True

    Where the frameworks differ: TensorFlow has no dilated one on a CPU. There the kernel's taps are spread with zeros, which
    computes the same.
    """


def dilated(kernel: Tensor, dilation: Sequence[int]) -> Tensor:
    """The kernel with dilation - 1 zeros between its taps: a window without dilation that computes the same."""
    for axis, step in enumerate(dilation):
        taps = kernel.shape[axis]
        if step == 1 or taps == 1:
            continue
        lengths = list(kernel.shape)
        lengths[axis] = taps * step
        apart = pad(
            expand_dims(kernel, axis + 1), [(0, step - 1 if i == axis + 1 else 0) for i in range(len(lengths) + 1)]
        )
        kernel = reshape(apart, tuple(lengths))[(slice(None),) * axis + (slice((taps - 1) * step + 1),)]
    return kernel

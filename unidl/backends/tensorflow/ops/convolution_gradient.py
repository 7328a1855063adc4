"""The gradient of a convolution by its image, on a CPU, where the kernel that TensorFlow has for it is slow.

Conv2DBackpropInput multiplies one image after the other, and brings the kernel into the product's order anew for each: with small
images that is most of its work. Which way is taken where follows `tests/benchmarks/kernels.py`. oneDNN's kernels need none of this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, TypeAlias

import tensorflow as tf

from unidl.backends.tensorflow.device import by_onednn, on_cpu
from unidl.backends.tensorflow.tracing import is_training, lacks_kernels, with_gradient
from unidl.graph.window import Pads, Window

Tensor: TypeAlias = tf.Tensor
SMALL = 64  # pixels of a result, up to which it is a small image
FEW = 16  # channels, below which the forward kernel is slow


def with_suited_gradient(y: Tensor, x: Tensor, kernel: Tensor, window: Window) -> Tensor:
    """What tf.nn.conv2d made of the image; in a training step with the gradient by the image that suits its size.

    Args:
        y: (batch, height, width, filters)
        x: (batch, height, width, channels)
        kernel: (rows, columns, channels, filters)
        window: Its window, of the padding "valid" or "same".
    """
    by_image = suited(x.shape[1:-1], y.shape[1:-1], kernel, window) if serves() else None
    if by_image is None:
        return y
    kernel = tf.convert_to_tensor(kernel)
    form = form_of(kernel, window)

    def gradient(dy: Tensor) -> list[Tensor]:
        return [by_image(dy, kernel), tf.raw_ops.Conv2DBackpropFilter(input=x, out_backprop=dy, **form)]

    return with_gradient(y, [x, kernel], gradient)


def suited_transposed(x: Tensor, kernel: Tensor, lengths: Sequence[int | None], window: Window) -> Tensor | None:
    """A transposed convolution, which is that gradient, in a training step; None where TensorFlow's own kernel is as good.

    Args:
        x: (batch, height, width, filters)
        kernel: (rows, columns, channels, filters)
        lengths: Height and width of the result.
        window: That of the convolution which is turned round, of the padding "valid" or "same".
    """
    by_image = suited(tf.TensorShape(lengths), x.shape[1:-1], kernel, window) if serves() else None
    if by_image is None:
        return None
    kernel = tf.convert_to_tensor(kernel)
    form = form_of(kernel, window)

    def gradient(dy: Tensor) -> list[Tensor]:
        by_x = tf.nn.conv2d(dy, kernel, window.strides, form["padding"])
        return [by_x, tf.raw_ops.Conv2DBackpropFilter(input=dy, out_backprop=x, **form)]

    return with_gradient(by_image(x, kernel), [x, kernel], gradient)


def serves() -> bool:
    """Whether this is for what is computed now: a training step, by TensorFlow's own kernels on a CPU."""
    return is_training() and on_cpu() and not by_onednn() and not lacks_kernels()


def form_of(kernel: Tensor, window: Window) -> dict[str, Any]:
    """What TensorFlow wants to know of a convolution beside its tensors."""
    assert isinstance(window.padding, str)
    return {"filter_sizes": kernel.shape, "strides": (1, *window.strides, 1), "padding": window.padding.upper()}


def suited(
    lengths: tf.TensorShape, size: tf.TensorShape, kernel: Tensor, window: Window
) -> Callable[[Tensor, Tensor], Tensor] | None:
    """The function of dy and the kernel that gives the gradient by the image soonest; None where that is TensorFlow's own.

    Args:
        lengths: Height and width of the image.
        size: Those of the convolution's result.
        kernel: (rows, columns, channels, filters)
        window: Its window.
    """
    known = lengths.is_fully_defined() and kernel.dtype in (tf.float32, tf.float64)
    if not known or len(window.size) != 2 or max(window.dilation) > 1 or len(set(window.strides)) > 1:
        return None
    pads = window.pads(lengths)
    if size[0] * size[1] <= SMALL:
        return partial(scattered, size=size, lengths=lengths, pads=pads, stride=window.strides[0])
    # the forward kernel is quick with many filters, which the channels are here
    channels, filters = kernel.shape[2:]
    many = min(channels, filters) >= FEW and (channels >= filters or window.size == (1, 1))
    return partial(turned, pads=pads) if many and window.strides[0] == 1 else None


def turned(dy: Tensor, kernel: Tensor, pads: Pads) -> Tensor:
    """By a convolution with the kernel turned round, for a stride of 1: the forward kernel does all images in one product."""
    rest = [(k - 1 - low, k - 1 - high) for k, (low, high) in zip(kernel.shape[:2], pads, strict=True)]
    with tf.control_dependencies([dy]):  # or all kernels of a network would be turned when its step begins, and kept
        around = tf.transpose(tf.reverse(kernel, (0, 1)), (0, 1, 3, 2))  # (rows, columns, filters, channels)
    return tf.nn.conv2d(dy, around, 1, ((0, 0), *rest, (0, 0)))


def scattered(
    dy: Tensor, kernel: Tensor, size: Sequence[int], lengths: Sequence[int], pads: Pads, stride: int
) -> Tensor:
    """By one product for all images, whose parts, one for each tap of the window, are added where the tap lay.

    Args:
        dy: (batch, *size, filters)
        kernel: (rows, columns, channels, filters)
        size: Height and width of the convolution's result.
        lengths: Those of its image.
        pads: Those of the image's two axes.
        stride: Along both.
    """
    (height, width), (rows, columns, channels, filters) = size, kernel.shape
    by_tap = tf.matmul(tf.reshape(dy, (-1, filters)), tf.reshape(kernel, (-1, filters)), transpose_b=True)
    parts = tf.unstack(tf.reshape(by_tap, (-1, height, width, rows * columns, channels)), axis=3)
    # pixels a stride apart lie side by side at first: (batch, *grid, channels) for each place within a stride
    grid = [
        max(n + (k - 1) // stride, -(-(low + whole) // stride))
        for n, k, whole, (low, _) in zip(size, (rows, columns), lengths, pads, strict=True)
    ]

    def placed(i: int, j: int) -> Tensor:
        top, left = i // stride, j // stride
        around = ((0, 0), (top, grid[0] - height - top), (left, grid[1] - width - left), (0, 0))
        return tf.pad(parts[i * columns + j], around)

    def meeting(a: int, b: int) -> Tensor:
        """What lands on the pixels (a, b) within each stride."""
        taps = [placed(i, j) for i in range(a, rows, stride) for j in range(b, columns, stride)]
        return tf.add_n(taps) if taps else tf.zeros((tf.shape(dy)[0], *grid, channels), dy.dtype)

    if stride == 1:
        spread = meeting(0, 0)
    else:
        places = [meeting(a, b) for a in range(stride) for b in range(stride)]
        spread = tf.nn.depth_to_space(tf.concat(places, axis=-1), stride)
    ends = [slice(low, low + whole) for whole, (low, _) in zip(lengths, pads, strict=True)]
    return spread[(slice(None), *ends)]

"""Transposed convolution over images: what makes them larger again, with weights."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import flag, one_of, per_axis, positive
from unidl.description.layer import Layer
from unidl.graph.spec import Shape
from unidl.initializers.initializer import checked_initializer


class Conv2DTranspose(Layer):
    """Each pixel adds a window of weights to the output: the gradient of a convolution by its input.

        z[b, i*s + u, j*s + v, f] += sum_c x[b, i, j, c] * kernel[u, v, f, c]        (z starts as zeros)
        y = activation(z, cut by `padding`, + bias)

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of the window.
        strides: Distance, in the output's pixels, between neighbours of the input.
        padding: "valid" (n * stride + max(kernel_size - stride, 0) pixels) or "same" (n * stride, cut on both sides; an odd pixel
            is cut at the end).
        activation: Name of an activation or a function; None is the identity.
        use_bias: Whether there is a bias.
        kernel_initializer: For the kernel (height, width, filters, channels).
        bias_initializer: For the bias (filters,).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', filters), same dtype
    Raises:
        ShapeError: The input has other than four axes.
    Example:
        >>> Conv2DTranspose(8, 3, strides=2, padding="same").output_shape((None, 7, 7, 16))
        (None, 14, 14, 8)
    Where the frameworks differ: torch's `ConvTranspose2d` gives (n - 1) * stride + kernel_size pixels, less 2 * padding, and takes
    kernels (channels, filters, height, width). TensorFlow has no dilated one on a CPU, so there is none here;
    `ops.conv_transpose` has.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
    ) -> None:
        self.filters = positive(self, "filters", filters)
        self.kernel_size = per_axis(self, "kernel_size", kernel_size, 2)
        self.strides = per_axis(self, "strides", strides, 2)
        self.padding = one_of(self, "padding", padding, ("valid", "same"))
        self.activation = ops.get_activation(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, shape: Shape) -> None:
        """Kernel (height, width, filters, channels) and bias (filters,)."""
        self.check_rank(shape, 4, "(batch, height, width, channels)", most=4)
        channels = self.check_known(shape, -1, "channel")
        self.add_weight("kernel", (*self.kernel_size, self.filters, channels), self.kernel_initializer)
        if self.use_bias:
            self.add_weight("bias", (self.filters,), self.bias_initializer)

    def forward(self, x: Any) -> Any:
        """The transposed convolution, the bias and the activation."""
        y = ops.conv_transpose(x, self.kernel, self.strides, self.padding)  # (batch, height', width', filters)
        if self.use_bias:
            y = ops.add(y, self.bias)
        return self.activation(y)

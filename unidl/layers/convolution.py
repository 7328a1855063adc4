"""Convolution over images."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import flag, one_of, per_axis, positive
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.spec import Shape
from unidl.initializers.initializer import checked_initializer


class Conv2D(Layer):
    """Slide a window of weights over two spatial axes.

        y[b, i, j, f] = activation(sum_{u, v, c} x[b, i*s + u*d, j*s + v*d, c] * kernel[u, v, c, f] + bias[f])

    Args:
        filters: Channels of the output.
        kernel_size: Height and width of the window.
        strides: Steps of the window, in pixels.
        padding: "valid" (none) or "same" (zeros, so that the output has ceil(n / stride) pixels; an odd one goes at the end).
        dilation_rate: Distance between the window's pixels.
        groups: Groups of channels that do not see each other.
        activation: Name of an activation or a function; None is the identity.
        use_bias: Whether there is a bias.
        kernel_initializer: For the kernel (height, width, channels / groups, filters).
        bias_initializer: For the bias (filters,).
    Input: (batch, height, width, channels)
    Output: (batch, height', width', filters), same dtype
    Raises:
        ShapeError: The input has other than four axes, or channels that `groups` does not divide.
    Example:
        >>> Conv2D(32, 3, padding="same", strides=2).output_shape((None, 28, 28, 1))
        (None, 14, 14, 32)
    Where the frameworks differ: torch keeps (filters, channels, height, width), computes on channels-first data (unidl gives it a
    view, no copy) and refuses padding="same" with strides; unidl pads explicitly there.
    """

    def __init__(
        self,
        filters: int,
        kernel_size: int | tuple[int, int],
        strides: int | tuple[int, int] = 1,
        padding: str = "valid",
        dilation_rate: int | tuple[int, int] = 1,
        groups: int = 1,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
    ) -> None:
        self.filters = positive(self, "filters", filters)
        self.kernel_size = per_axis(self, "kernel_size", kernel_size, 2)
        self.strides = per_axis(self, "strides", strides, 2)
        self.padding = one_of(self, "padding", padding, ("valid", "same"))
        self.dilation_rate = per_axis(self, "dilation_rate", dilation_rate, 2)
        self.groups = positive(self, "groups", groups)
        if self.filters % self.groups:
            raise ArgumentError(
                "Conv2D needs filters that groups divides.", received=f"filters={filters}, groups={groups}"
            )
        if max(self.strides) > 1 and max(self.dilation_rate) > 1:
            raise ArgumentError(
                "Conv2D takes strides or dilation_rate above 1, not both (TensorFlow has no such convolution).",
                received=f"strides={strides}, dilation_rate={dilation_rate}",
            )
        self.activation = ops.get_activation(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, shape: Shape) -> None:
        """Kernel (height, width, channels / groups, filters) and bias (filters,)."""
        self.check_rank(shape, 4, "(batch, height, width, channels)", most=4)
        channels = self.check_known(shape, -1, "channel")
        if channels % self.groups:
            raise ShapeError(
                f"Conv2D needs channels that groups={self.groups} divides.",
                received=f"{channels} channels, of shape {shape}",
            )
        self.add_weight("kernel", (*self.kernel_size, channels // self.groups, self.filters), self.kernel_initializer)
        if self.use_bias:
            self.add_weight("bias", (self.filters,), self.bias_initializer)

    def forward(self, x: Any) -> Any:
        """The convolution, the bias and the activation."""
        y = ops.conv(  # (batch, height', width', filters)
            x,
            self.kernel,
            strides=self.strides,
            padding=self.padding,
            dilation=self.dilation_rate,
            groups=self.groups,
        )
        if self.use_bias:
            y = ops.add(y, self.bias)
        return self.activation(y)

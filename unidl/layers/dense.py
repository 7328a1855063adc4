"""Dense: a linear map of the last axis."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import flag, positive
from unidl.description.layer import Layer
from unidl.graph.spec import Shape
from unidl.initializers.initializer import checked_initializer


class Dense(Layer):
    """Multiply the last axis by a matrix, add a bias, apply an activation.

        y = activation(x @ kernel + bias)

    Args:
        units: Length of the output's last axis.
        activation: Name of an activation or a function of one tensor; None is the identity.
        use_bias: Whether there is a bias.
        kernel_initializer: For the kernel (inputs, units).
        bias_initializer: For the bias (units,).
    Input: (batch, ..., inputs)
    Output: (batch, ..., units), same dtype
    Raises:
        ShapeError: The input has no feature axis, or its length is unknown.
    Example:
        >>> Dense(64, activation="relu").output_shape((None, 784))
        (None, 64)
    Where the frameworks differ: `torch.nn.Linear` keeps the transposed matrix (units, inputs) and draws kernel and bias uniformly
    in ±1/sqrt(inputs); unidl draws Keras' Glorot-uniform kernel and zero bias everywhere.
    """

    def __init__(
        self,
        units: int,
        activation: Any = None,
        use_bias: bool = True,
        kernel_initializer: Any = "glorot_uniform",
        bias_initializer: Any = "zeros",
    ) -> None:
        self.units = positive(self, "units", units)
        self.activation = ops.get_activation(activation)
        self.use_bias = flag(self, "use_bias", use_bias)
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, shape: Shape) -> None:
        """Kernel (inputs, units) and bias (units,)."""
        self.check_rank(shape, 2, "(batch, features)")
        inputs = self.check_known(shape, -1, "feature")
        self.add_weight("kernel", (inputs, self.units), self.kernel_initializer)
        if self.use_bias:
            self.add_weight("bias", (self.units,), self.bias_initializer)

    def forward(self, x: Any) -> Any:
        """The linear map and the activation."""
        y = ops.matmul(x, self.kernel)  # (batch, ..., units)
        if self.use_bias:
            y = ops.add(y, self.bias)
        return self.activation(y)

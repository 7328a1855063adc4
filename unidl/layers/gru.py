"""GRU: a recurrent layer with a reset and an update gate."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.graph.spec import Shape
from unidl.initializers.initializer import checked_initializer
from unidl.layers.recurrent import Recurrent


class GRU(Recurrent):
    """Gated recurrent unit over the second axis.

        a = x[t] @ kernel + bias, b = h @ recurrent_kernel + recurrent_bias        (each in three parts: z, r, n)
        z = recurrent_activation(a_z + b_z)
        r = recurrent_activation(a_r + b_r)
        h = z * h + (1 - z) * activation(a_n + r * b_n)

    Where a mask is False at (b, t), example b keeps its h at step t, which is also that step's output.

    Args:
        units: Length of h.
        activation: For the candidate n; a name or a function.
        recurrent_activation: For both gates.
        use_bias: Whether there are biases.
        return_sequences: Whether the output is h at each step; else h after the last.
        return_state: Whether h after the last step is returned too.
        go_backwards: Whether to start at the last step; outputs stand in the order in which they are computed.
        kernel_initializer: For the kernel (inputs, 3 * units).
        recurrent_initializer: For the recurrent kernel (units, 3 * units).
        bias_initializer: For both biases (3 * units,).
    Input: (batch, time, inputs); initial_state: h (batch, units), zeros if None; mask: (batch, time), bool, True where a step
        counts; lengths: (batch,), integers, the number of leading steps that count
    Output: (batch, units), or (batch, time, units); with return_state (output, h)
    Raises:
        ShapeError: The input has other than three axes.
        ArgumentError: Both mask and lengths are given.
    Example:
        >>> GRU(32, return_sequences=True).output_shape((None, 20, 8))
        (None, 20, 32)
    Where the frameworks differ: `torch.nn.GRU` has its gates in the order r, z, n and knows no mask; `keras.layers.GRU` keeps both
    biases in one (2, 3 * units). Both reset after the matrix product, as here; Keras' reset_after=False is not supported.
    References: Cho et al. (2014), arXiv:1406.1078.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        return_sequences: bool = False,
        return_state: bool = False,
        go_backwards: bool = False,
        kernel_initializer: Any = "glorot_uniform",
        recurrent_initializer: Any = "orthogonal",
        bias_initializer: Any = "zeros",
    ) -> None:
        self._configure(
            units,
            activation,
            recurrent_activation,
            use_bias=use_bias,
            return_sequences=return_sequences,
            return_state=return_state,
            go_backwards=go_backwards,
        )
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.recurrent_initializer = checked_initializer(self, "recurrent_initializer", recurrent_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, shape: Shape) -> None:
        """kernel (inputs, 3 * units), recurrent_kernel (units, 3 * units), bias and recurrent_bias (3 * units,)."""
        inputs = self._features(shape)
        self.add_weight("kernel", (inputs, 3 * self.units), self.kernel_initializer)
        self.add_weight("recurrent_kernel", (self.units, 3 * self.units), self.recurrent_initializer)
        if self.use_bias:
            self.add_weight("bias", (3 * self.units,), self.bias_initializer)
            self.add_weight("recurrent_bias", (3 * self.units,), self.bias_initializer)

    def forward(self, x: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None) -> Any:
        """(batch, time, inputs) -> (batch, units) or (batch, time, units), and the state."""
        mask = self._mask(x, mask, lengths)
        gates = ops.matmul(x, self.kernel)  # (batch, time, 3 * units): all steps at once
        if self.use_bias:
            gates = ops.add(gates, self.bias)
        if self.go_backwards:
            gates = ops.flip(gates, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if initial_state is None:
            initial_state = ops.zeros((ops.shape(x)[0], self.units), like=gates)  # (batch, units)
        recurrent = self.recurrent_kernel  # read once, not at each step
        bias = self.recurrent_bias if self.use_bias else None

        def cell(state: Any, gates: Any) -> Any:
            (h,) = state  # (batch, units)
            recurred = ops.matmul(h, recurrent)  # (batch, 3 * units)
            if bias is not None:
                recurred = ops.add(recurred, bias)
            x_z, x_r, x_n = ops.split(gates, 3, axis=-1)  # each (batch, units)
            h_z, h_r, h_n = ops.split(recurred, 3, axis=-1)  # each (batch, units)
            z = self.recurrent_activation(x_z + h_z)
            r = self.recurrent_activation(x_r + h_r)
            return (z * h + (1.0 - z) * self.activation(x_n + r * h_n),)

        return self._walk(cell, gates, (initial_state,), mask)

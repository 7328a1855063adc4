"""LSTM, and what recurrent layers share."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl import initializers, ops
from unidl.arguments import flag, positive
from unidl.description.layer import Layer
from unidl.errors import ArgumentError
from unidl.graph.spec import Shape
from unidl.initializers import Initializer
from unidl.initializers.initializer import checked_initializer


class ForgetOnes(Initializer):
    """A bias for the gates (input, forget, candidate, output) whose forget part is one.

    Args:
        rest: Initializer of the other three.
    """

    def __init__(self, rest: Any = "zeros") -> None:
        self.rest = initializers.get(rest)

    def __call__(self, shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
        """The draw, (4 * units,)."""
        units = shape[0] // 4
        value = np.array(self.rest(shape, generator), "float64")
        value[units : 2 * units] = 1.0
        return value


class Recurrent(Layer):
    """What recurrent layers share: their arguments, and the walk through the steps."""

    def _configure(self, units: Any, activation: Any, recurrent_activation: Any, **more: Any) -> None:
        """Store the arguments that all have."""
        self.units = positive(self, "units", units)
        self.activation = ops.get_activation(activation)
        self.recurrent_activation = ops.get_activation(recurrent_activation)
        self.use_bias = flag(self, "use_bias", more["use_bias"])
        self.return_sequences = flag(self, "return_sequences", more["return_sequences"])
        self.return_state = flag(self, "return_state", more["return_state"])
        self.go_backwards = flag(self, "go_backwards", more["go_backwards"])

    def _features(self, shape: Shape) -> int:
        """The length of the input's last axis; for `setup`."""
        self.check_rank(shape, 3, "(batch, time, features)", most=3)
        return self.check_known(shape, -1, "feature")

    def _mask(self, x: Any, mask: Any, lengths: Any) -> Any:
        """Which steps count, (batch, time), or None.

        Raises:
            ArgumentError: Both mask and lengths are given.
        """
        if mask is not None and lengths is not None:
            kind = type(self).__name__
            raise ArgumentError(
                f"{kind} takes a mask or lengths, not both.", fix="mask = mask & (arange(time) < lengths)"
            )
        if lengths is None:
            return mask
        steps = ops.arange(ops.shape(x)[1], dtype=ops.dtype(lengths), like=lengths)  # (time,)
        return ops.expand_dims(steps, 0) < ops.expand_dims(lengths, 1)  # (batch, time)

    def _walk(self, cell: Any, gates: Any, state: tuple[Any, ...], mask: Any) -> Any:
        """The layer's outputs, from the steps in the order in which they are computed.

        Args:
            cell: `cell(state, gates of one step)` -> the next state, whose first part is the output.
            gates: The inputs' part of the gates, (batch, time, n).
            state: What to start from, each (batch, units).
            mask: Which steps count, (batch, time), or None.
        """

        def step(state: Any, inputs: Any) -> Any:
            new = cell(state, inputs[0])
            if mask is not None:
                counts = ops.expand_dims(inputs[1], -1)  # (batch, 1)
                new = tuple([ops.where(counts, after, before) for after, before in zip(new, state, strict=True)])
            return new, new[0]

        over = (gates,) if mask is None else (gates, mask)
        state, sequence = ops.scan(step, tuple(state), over, axis=1)
        y = sequence if self.return_sequences else state[0]
        return (y, *state) if self.return_state else y


class LSTM(Recurrent):
    """Long short-term memory over the second axis.

        i, f, g, o = split(x[t] @ kernel + h @ recurrent_kernel + bias)
        c = recurrent_activation(f) * c + recurrent_activation(i) * activation(g)
        h = recurrent_activation(o) * activation(c)

    Where a mask is False at (b, t), example b keeps its h and c at step t, and h is also that step's output.

    Args:
        units: Length of h and c.
        activation: For the candidate and the cell; a name or a function.
        recurrent_activation: For the three gates.
        use_bias: Whether there is a bias.
        unit_forget_bias: Whether the forget gate's bias starts at one.
        return_sequences: Whether the output is h at each step; else h after the last.
        return_state: Whether h and c after the last step are returned too.
        go_backwards: Whether to start at the last step; outputs stand in the order in which they are computed.
        kernel_initializer: For the kernel (inputs, 4 * units).
        recurrent_initializer: For the recurrent kernel (units, 4 * units).
        bias_initializer: For the bias (4 * units,).
    Input: (batch, time, inputs); initial_state: (h, c), each (batch, units), zeros if None; mask: (batch, time), bool, True where
        a step counts; lengths: (batch,), integers, the number of leading steps that count
    Output: (batch, units), or (batch, time, units); with return_state (output, h, c)
    Raises:
        ShapeError: The input has other than three axes.
        ArgumentError: Both mask and lengths are given.
    Example:
        >>> LSTM(32, return_sequences=True).output_shape((None, 20, 8))
        (None, 20, 32)
    Where the frameworks differ: `torch.nn.LSTM` has two biases of which one is zero here and frozen, draws all weights uniformly in
    ±1/sqrt(units), and knows no mask.
    References: Hochreiter, Schmidhuber (1997); Gers, Schmidhuber, Cummins (2000), for the forget gate.
    """

    def __init__(
        self,
        units: int,
        activation: Any = "tanh",
        recurrent_activation: Any = "sigmoid",
        use_bias: bool = True,
        unit_forget_bias: bool = True,
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
        self.unit_forget_bias = flag(self, "unit_forget_bias", unit_forget_bias)
        self.kernel_initializer = checked_initializer(self, "kernel_initializer", kernel_initializer)
        self.recurrent_initializer = checked_initializer(self, "recurrent_initializer", recurrent_initializer)
        self.bias_initializer = checked_initializer(self, "bias_initializer", bias_initializer)

    def setup(self, shape: Shape) -> None:
        """kernel (inputs, 4 * units), recurrent_kernel (units, 4 * units) and bias (4 * units,); gates i, f, g, o."""
        inputs = self._features(shape)
        self.add_weight("kernel", (inputs, 4 * self.units), self.kernel_initializer)
        self.add_weight("recurrent_kernel", (self.units, 4 * self.units), self.recurrent_initializer)
        if self.use_bias:
            initializer = ForgetOnes(self.bias_initializer) if self.unit_forget_bias else self.bias_initializer
            self.add_weight("bias", (4 * self.units,), initializer)

    def forward(self, x: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None) -> Any:
        """A scan over time."""
        mask = self._mask(x, mask, lengths)
        gates = ops.matmul(x, self.kernel)  # (batch, time, 4 * units): all steps at once
        if self.use_bias:
            gates = ops.add(gates, self.bias)
        if self.go_backwards:
            gates = ops.flip(gates, axis=1)
            mask = None if mask is None else ops.flip(mask, axis=1)
        if initial_state is None:
            zeros = ops.zeros((ops.shape(x)[0], self.units), like=gates)  # (batch, units)
            initial_state = (zeros, zeros)
        recurrent = self.recurrent_kernel  # read once, not at each step

        def cell(state: Any, gates: Any) -> Any:
            h, c = state  # each (batch, units)
            z = gates + ops.matmul(h, recurrent)  # (batch, 4 * units)
            i, f, g, o = ops.split(z, 4, axis=-1)  # each (batch, units)
            c_new = self.recurrent_activation(f) * c + self.recurrent_activation(i) * self.activation(g)
            return self.recurrent_activation(o) * self.activation(c_new), c_new

        return self._walk(cell, gates, initial_state, mask)

"""Bidirectional: a recurrent layer in both directions."""

from __future__ import annotations

from typing import Any

from unidl import ops
from unidl.arguments import one_of
from unidl.description.layer import Layer
from unidl.errors import ArgumentError
from unidl.layers.recurrent import Recurrent

MERGES = ("concat", "sum", "mul", "ave")


class Bidirectional(Layer):
    """A recurrent layer over the steps in both directions, each with its own weights.

        y = merge(forward_layer(x), backward_layer(x))        (the backward sequence in the input's order)

    Args:
        layer: An LSTM or GRU; it becomes `forward_layer`. `backward_layer` is another with the same arguments, which starts at the
            other end.
        merge_mode: "concat" (along the last axis), "sum", "mul" or "ave" (the mean).
    Input: (batch, time, inputs); initial_state: a pair, the state of each direction; mask and lengths as the layer takes them
    Output: (batch, time, 2 * units) for sequences and "concat", else as the layer's; with return_state (output, *forward state,
        *backward state)
    Raises:
        ArgumentError: The layer is no LSTM or GRU.
    Example:
        >>> from unidl.layers import LSTM
        >>> Bidirectional(LSTM(32, return_sequences=True)).output_shape((None, 20, 8))
        (None, 20, 64)
    Where the frameworks differ: torch has it as `nn.LSTM(bidirectional=True)`, whose last output is the backward layer's at the last
    step, not after all steps; Keras takes the states in one list.
    References: Schuster, Paliwal (1997).
    """

    def __init__(self, layer: Layer, merge_mode: str = "concat") -> None:
        if not isinstance(layer, Recurrent):
            raise ArgumentError(
                "Bidirectional runs a recurrent layer in both directions.",
                expected="layers.LSTM(…) or layers.GRU(…)",
                received=repr(layer),
            )
        self.forward_layer = layer
        arguments = {**layer._unidl.arguments, "go_backwards": not layer.go_backwards}
        self.backward_layer = type(layer)(**arguments)
        self.merge_mode = one_of(self, "merge_mode", merge_mode, MERGES)

    def forward(self, x: Any, initial_state: Any = None, mask: Any = None, lengths: Any = None) -> Any:
        """(batch, time, inputs) -> both directions' outputs, merged, and their states."""
        begin, end = (None, None) if initial_state is None else initial_state
        forward = self.forward_layer(x, initial_state=begin, mask=mask, lengths=lengths)
        backward = self.backward_layer(x, initial_state=end, mask=mask, lengths=lengths)
        (y, *states), (z, *others) = (pair if isinstance(pair, tuple) else (pair,) for pair in (forward, backward))
        if len(y.shape) == 3:  # both in the input's order
            y, z = (y, ops.flip(z, axis=1)) if not self.forward_layer.go_backwards else (ops.flip(y, axis=1), z)
        merged = self._merged(y, z)
        return (merged, *states, *others) if states else merged

    def _merged(self, y: Any, z: Any) -> Any:
        if self.merge_mode == "concat":
            return ops.concatenate([y, z], axis=-1)
        if self.merge_mode == "mul":
            return y * z
        return y + z if self.merge_mode == "sum" else (y + z) / 2.0

"""Functions as layers: Identity, Lambda."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import arguments
from unidl.description.layer import Layer


class Identity(Layer):
    """The input as it is.

        y = x

    Input: any shape and dtype
    Output: the same
    Example:
        >>> Identity().output_shape((None, 8))
        (None, 8)
    """

    def forward(self, x: Any) -> Any:
        """The input."""
        return x


class Lambda(Layer):
    """A function of the input as a layer, without weights.

        y = function(x)

    Args:
        function: Written with unidl.ops; it takes what the layer is called with: a tensor, or a list of tensors.
    Input: what the function takes
    Output: what it returns
    Raises:
        ArgumentError: It is no function.
    Example:
        >>> Lambda(lambda x: x[:, :4]).output_shape((None, 8))
        (None, 4)
    Where the frameworks differ: Keras stores the function's bytes in a file, which runs them when it is loaded; here a file names
    functions that are registered (`unidl.register`), and a model with another one is not saved.
    """

    def __init__(self, function: Callable[[Any], Any]) -> None:
        self.function = arguments.function(self, "function", function)

    def forward(self, x: Any) -> Any:
        """The function."""
        return self.function(x)

"""Activations as layers of their own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl import ops
from unidl.arguments import integer, number
from unidl.description.layer import Layer
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape


class Activation(Layer):
    """Apply a function of one tensor.

        y = activation(x)

    Args:
        activation: Name of an activation ("relu", "gelu", "softmax", …), or a function of one tensor written with unidl.ops.
    Input: any shape
    Output: same shape and dtype, for the named ones
    Raises:
        ArgumentError: There is no activation of that name.
    Example:
        >>> Activation("relu").output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: gelu is the exact one here; `gelu_tanh` is the approximation that keras.ops.gelu means.
    """

    def __init__(self, activation: str | Callable[[Any], Any]) -> None:
        self.activation = ops.get_activation(activation)

    def forward(self, x: Any) -> Any:
        """The activation."""
        return self.activation(x)


class ReLU(Layer):
    """Negative values become zero.

        y = max(x, 0)        its gradient at 0 is 0

    Input: any shape
    Output: same shape and dtype
    Example:
        >>> ReLU().output_shape((None, 8))
        (None, 8)
    """

    def forward(self, x: Any) -> Any:
        """The positive part."""
        return ops.relu(x)


class LeakyReLU(Layer):
    """ReLU with a slope for negative values.

        y = x where x > 0, else negative_slope * x        its gradient at 0 is negative_slope

    Args:
        negative_slope: The slope of the negative side.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ArgumentError: The slope is no finite number.
    Example:
        >>> LeakyReLU(0.2).output_shape((None, 8))
        (None, 8)
    Where the frameworks differ: the default is 0.3 in Keras' layer, 0.2 in TensorFlow's function, 0.01 in torch and here.
    References: Maas, Hannun, Ng (2013), Rectifier Nonlinearities Improve Neural Network Acoustic Models.
    """

    def __init__(self, negative_slope: float = 0.01) -> None:
        self.negative_slope = number(self, "negative_slope", negative_slope)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.leaky_relu(x, self.negative_slope)


class ELU(Layer):
    """Exponential linear unit.

        y = x where x > 0, else alpha * (exp(x) - 1)        its gradient at 0 is alpha

    Args:
        alpha: The value at minus infinity is -alpha.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ArgumentError: alpha is no finite number.
    Example:
        >>> ELU().output_shape((None, 8))
        (None, 8)
    References: Clevert, Unterthiner, Hochreiter (2015), arXiv:1511.07289.
    """

    def __init__(self, alpha: float = 1.0) -> None:
        self.alpha = number(self, "alpha", alpha)

    def forward(self, x: Any) -> Any:
        """The same shape."""
        return ops.elu(x, self.alpha)


class Softmax(Layer):
    """A distribution over one axis.

        y = exp(x) / sum(exp(x))        the sum over `axis`

    Args:
        axis: The axis of the classes.
    Input: any shape
    Output: same shape and dtype
    Raises:
        ShapeError: There is no such axis.
    Example:
        >>> Softmax().output_shape((None, 10))
        (None, 10)
    Where the frameworks differ: unidl's losses read logits, so a model that is trained ends without a softmax.
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = integer(self, "axis", axis)

    def setup(self, shape: Shape) -> None:
        """Check that the axis exists."""
        canonical_axis(self.axis, len(shape))

    def forward(self, x: Any) -> Any:
        """The distribution."""
        return ops.softmax(x, axis=self.axis)

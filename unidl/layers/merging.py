"""Layers that make one tensor of a list: Add, Subtract, Multiply, Average, Maximum, Minimum, Concatenate."""

from __future__ import annotations

from functools import reduce
from typing import Any

from unidl import ops
from unidl.arguments import integer
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import Shape
from unidl.layers.integers import with_float


class _Merging(Layer):
    """What all of them share: their input is one list of tensors with the same number of axes."""

    def setup(self, shapes: list[Shape]) -> None:
        """Check that there are tensors to be merged."""
        many = isinstance(shapes, (list, tuple)) and all(isinstance(shape, (list, tuple)) for shape in shapes)
        if not many or len(shapes) < 2:
            raise ArgumentError(
                f"{type(self).__name__} takes its inputs in one list.",
                expected=f"{type(self).__name__}()([a, b]), at least two tensors",
                received=str(shapes),
            )
        if len({len(shape) for shape in shapes}) > 1:
            raise ShapeError(
                f"{type(self).__name__} needs inputs with the same number of axes.",
                received=", ".join(map(str, shapes)),
                fix="Reshape one; an axis of length 1 is repeated to the other's length.",
            )


class Add(_Merging):
    """The sum of some tensors.

        y = a + b + …

    Input: a list of tensors of one shape; an axis of length 1 is repeated to the others' length
    Output: their common shape, same dtype
    Raises:
        ArgumentError: The input is no list of two or more.
        ShapeError: The shapes do not fit.
    Example:
        >>> Add().output_shape([(None, 8), (None, 8)])
        (None, 8)
    """

    def forward(self, inputs: list[Any]) -> Any:
        """The sum, from left to right."""
        return reduce(ops.add, inputs)


class Subtract(_Merging):
    """The first of two tensors less the second.

        y = a - b

    Input: a list of two tensors of one shape; an axis of length 1 is repeated to the other's length
    Output: their common shape, same dtype
    Raises:
        ArgumentError: The input is no list of two.
        ShapeError: The shapes do not fit.
    Example:
        >>> Subtract().output_shape([(None, 8), (None, 8)])
        (None, 8)
    """

    def setup(self, shapes: list[Shape]) -> None:
        """Check that there are two."""
        super().setup(shapes)
        if len(shapes) != 2:
            raise ArgumentError("Subtract takes two tensors.", expected="Subtract()([a, b])", received=str(shapes))

    def forward(self, inputs: list[Any]) -> Any:
        """The difference."""
        first, second = inputs
        return ops.subtract(first, second)


class Multiply(_Merging):
    """The product of some tensors, element by element.

        y = a * b * …

    Input: a list of tensors of one shape; an axis of length 1 is repeated to the others' length
    Output: their common shape, same dtype
    Raises:
        ArgumentError: The input is no list of two or more.
        ShapeError: The shapes do not fit.
    Example:
        >>> Multiply().output_shape([(None, 8), (None, 1)])
        (None, 8)
    """

    def forward(self, inputs: list[Any]) -> Any:
        """The product, from left to right."""
        return reduce(ops.multiply, inputs)


class Average(_Merging):
    """The mean of some tensors, element by element.

        y = (a + b + …) / count

    Input: a list of tensors of one shape; an axis of length 1 is repeated to the others' length
    Output: their common shape, same dtype; float32 of integers
    Raises:
        ArgumentError: The input is no list of two or more.
        ShapeError: The shapes do not fit.
    Example:
        >>> Average().output_shape([(None, 8), (None, 8)])
        (None, 8)
    """

    def forward(self, inputs: list[Any]) -> Any:
        """The sum, divided."""
        return reduce(ops.add, with_float(inputs)) / len(inputs)


class Maximum(_Merging):
    """The largest of some tensors, element by element.

        y = max(a, b, …)

    At a tie of two the gradient is split evenly, as that of `ops.maximum`.

    Input: a list of tensors of one shape; an axis of length 1 is repeated to the others' length
    Output: their common shape, same dtype
    Raises:
        ArgumentError: The input is no list of two or more.
        ShapeError: The shapes do not fit.
    Example:
        >>> Maximum().output_shape([(None, 8), (None, 8)])
        (None, 8)
    Where the frameworks differ: at a tie TensorFlow gives the whole gradient to the first.
    """

    def forward(self, inputs: list[Any]) -> Any:
        """The maximum, from left to right."""
        return reduce(ops.maximum, inputs)


class Minimum(_Merging):
    """The smallest of some tensors, element by element.

        y = min(a, b, …)

    At a tie of two the gradient is split evenly, as that of `ops.minimum`.

    Input: a list of tensors of one shape; an axis of length 1 is repeated to the others' length
    Output: their common shape, same dtype
    Raises:
        ArgumentError: The input is no list of two or more.
        ShapeError: The shapes do not fit.
    Example:
        >>> Minimum().output_shape([(None, 8), (None, 8)])
        (None, 8)
    Where the frameworks differ: at a tie TensorFlow gives the whole gradient to the first.
    """

    def forward(self, inputs: list[Any]) -> Any:
        """The minimum, from left to right."""
        return reduce(ops.minimum, inputs)


class Concatenate(_Merging):
    """Some tensors side by side along one axis.

    Args:
        axis: The axis along which their lengths add up; not the batch axis.
    Input: a list of tensors whose other axes agree
    Output: (batch, ..., sum of the lengths, ...), same dtype
    Raises:
        ArgumentError: The input is no list of two or more, or `axis` is the batch axis.
        ShapeError: There is no such axis, or other axes differ.
    Example:
        >>> Concatenate().output_shape([(None, 8), (None, 3)])
        (None, 11)
    """

    def __init__(self, axis: int = -1) -> None:
        self.axis = integer(self, "axis", axis)

    def setup(self, shapes: list[Shape]) -> None:
        """Check the axis."""
        super().setup(shapes)
        if canonical_axis(self.axis, len(shapes[0])) == 0:
            raise ArgumentError(
                "Concatenate joins features, not examples.",
                expected="an axis other than 0",
                received=f"axis={self.axis}",
            )

    def forward(self, inputs: list[Any]) -> Any:
        """One concatenation."""
        return ops.concatenate(inputs, axis=self.axis)

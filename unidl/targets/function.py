"""Whether a function of targets and predictions broadcasts one against the other.

The function is run once on symbolic tensors of such shapes, and each elementwise op in it is looked at: where an operand that comes
from the targets meets one that comes from the predictions, both with the examples on their first axis, they need as many axes.
`targets - predictions` of shapes (batch,) and (batch, 1) would give (batch, batch), every target beside every prediction.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.description.trace import tracing
from unidl.errors import ArgumentError, ShapeError, UnidlError
from unidl.graph.branch import explore
from unidl.graph.node import ancestors, leaves, map_nest, symbols
from unidl.graph.operand import meetings
from unidl.graph.shape import fits, known_shape
from unidl.graph.spec import Shape, TensorSpec, dtype_name
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.targets.shapes import last_axis

# What a function may raise on symbolic tensors that takes a framework's own: it does what they do not, or hands them to a framework
_NOT_PORTABLE = (UnidlError, TypeError, ValueError, AttributeError, RuntimeError)


class Comparison:
    """Looks at a function once for each pair of shapes that it is called with.

    Args:
        what: How messages call it.
        function: It.
    """

    def __init__(self, what: str, function: Callable[[Any, Any], Any]) -> None:
        self.what = what
        self._function = function
        self._known: set[Any] = set()

    def check(self, targets: Any, predictions: Any) -> None:
        """Refuse shapes of which the function would broadcast one against the other; of nested ones each with each.

        Raises:
            ShapeError: It would.
        """
        key = _key(targets), _key(predictions)
        if key not in self._known:
            self._look(map_nest(_symbol, targets), map_nest(_symbol, predictions))
            self._known.add(key)

    def _look(self, targets: Any, predictions: Any) -> None:
        try:
            with tracing(), meetings() as met:
                for _ in explore(lambda: self._function(targets, predictions)):
                    pass  # both ways at each `if` on a tensor
        except _NOT_PORTABLE:
            single = isinstance(targets, SymbolicTensor) and isinstance(predictions, SymbolicTensor)
            met = [(targets, predictions)] if single and _off_by_one(targets.shape, predictions.shape) else []
        nodes = [{id(t.unidl_node) for t in symbols(nest)} for nest in (targets, predictions)]
        for operands in met:
            pair = _misaligned(operands, *nodes)
            if pair is not None:
                raise ShapeError(
                    f"{self.what} broadcasts targets against predictions: every target would meet every prediction.",
                    expected="operands with the same axes, for "
                    f"targets {_shapes(targets)} and predictions {_shapes(predictions)}",
                    received=" and ".join(str(shape) for shape in pair),
                    fix=last_axis(*pair) or "Give both the same axes, with targets[..., None] or predictions[..., 0].",
                )


def _key(nest: Any) -> Any:
    """What tells targets of another structure, shape or dtype apart, whatever the number of examples."""
    if hasattr(nest, "shape"):
        shape = known_shape(nest)
        return shape and (len(shape), shape[1:], nest.dtype)
    if isinstance(nest, dict):
        return tuple([(key, _key(value)) for key, value in nest.items()])
    return tuple([_key(item) for item in nest]) if isinstance(nest, (list, tuple)) else type(nest)


def _symbol(leaf: Any) -> Any:
    """A symbolic tensor of that shape with any number of examples; what is no tensor, or of unknown axes, as it is."""
    shape = known_shape(leaf) if hasattr(leaf, "shape") else None
    return leaf if not shape else placeholder(TensorSpec((None, *shape[1:]), dtype_name(leaf.dtype)))


def _shapes(nest: Any) -> str:
    return ", ".join(str(t.shape) for t in symbols(nest))


def _off_by_one(one: Shape, other: Shape) -> bool:
    """Whether a last axis of length 1 is all that tells two shapes apart."""
    return (one[-1:] == (1,) and fits(one[:-1], other)) or (other[-1:] == (1,) and fits(one, other[:-1]))


def _misaligned(operands: tuple[Any, ...], targets: set[int], predictions: set[int]) -> tuple[Shape, Shape] | None:
    """Shapes of an operand of the targets' nodes alone and one of the predictions' alone whose first axes do not meet."""
    batched = [t for t in operands if isinstance(t, SymbolicTensor) and t.shape and t.shape[0] is None]
    if len({len(t.shape) for t in batched}) < 2:
        return None
    of = {}
    for tensor in batched:
        nodes = {id(node) for node in ancestors(tensor)}
        of[id(tensor)] = bool(nodes & targets), bool(nodes & predictions)
    for one in (t for t in batched if of[id(t)] == (True, False)):
        for other in (t for t in batched if of[id(t)] == (False, True)):
            if len(one.shape) != len(other.shape):
                return one.shape, other.shape
    return None


def check_values(what: str, values: Any, targets: Any, predictions: Any) -> Any:
    """What a function of targets and predictions returned, if it is a scalar or a value for each example.

    Args:
        what: How messages call the function.
        values: What it returned.
        targets: What it was given.
        predictions: Likewise.

    Raises:
        ArgumentError: It is no tensor.
        ShapeError: Its first axis is not the examples'.
    """
    if not hasattr(values, "shape") or not hasattr(values, "dtype"):
        raise ArgumentError(
            f"{what} returned no tensor.",
            expected="a scalar, or a value for each example (batch, ...)",
            received=f"a {type(values).__name__}",
        )
    shape = known_shape(values)
    shapes = [known_shape(leaf) for leaf in leaves((targets, predictions)) if hasattr(leaf, "shape")]
    lengths = {shape[0] for shape in shapes if shape}
    if shape and shape[0] is not None and lengths and shape[0] not in lengths:
        raise ShapeError(
            f"{what} returned a tensor whose first axis is not the examples'.",
            expected="a scalar, or a value for each example (batch, ...)",
            received=str(tuple(shape)),
            fix="ops.mean(values) makes a scalar.",
        )
    return values

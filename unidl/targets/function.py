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
from unidl.graph.node import ancestors, leaves
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
        """Refuse shapes of which the function would broadcast one against the other; nested ones are the function's own affair.

        Raises:
            ShapeError: It would.
        """
        if not (hasattr(targets, "shape") and hasattr(predictions, "shape")):
            return
        given, wanted = known_shape(targets), known_shape(predictions)
        if not given or not wanted:
            return
        key = len(given), given[1:], targets.dtype, len(wanted), wanted[1:], predictions.dtype
        if key not in self._known:
            self._look(TensorSpec((None, *given[1:]), dtype_name(targets.dtype)), _spec(predictions, wanted))
            self._known.add(key)

    def _look(self, targets: TensorSpec, predictions: TensorSpec) -> None:
        given, wanted = placeholder(targets), placeholder(predictions)
        try:
            with tracing(), meetings() as met:
                for _ in explore(lambda: self._function(given, wanted)):
                    pass  # both ways at each `if` on a tensor
        except _NOT_PORTABLE:
            met = [(given, wanted)] if _off_by_one(targets.shape, predictions.shape) else []
        for operands in met:
            pair = _misaligned(operands, given, wanted)
            if pair is not None:
                raise ShapeError(
                    f"{self.what} broadcasts targets against predictions: every target would meet every prediction.",
                    expected=f"operands with the same axes, for targets {targets.shape} and predictions {predictions.shape}",
                    received=" and ".join(str(shape) for shape in pair),
                    fix=last_axis(targets.shape, predictions.shape)
                    or "Give both the same axes, with targets[..., None] or predictions[..., 0].",
                )


def _spec(tensor: Any, shape: Shape) -> TensorSpec:
    return TensorSpec((None, *shape[1:]), dtype_name(tensor.dtype))


def _off_by_one(one: Shape, other: Shape) -> bool:
    """Whether a last axis of length 1 is all that tells two shapes apart."""
    return (one[-1:] == (1,) and fits(one[:-1], other)) or (other[-1:] == (1,) and fits(one, other[:-1]))


def _misaligned(
    operands: tuple[Any, ...], targets: SymbolicTensor, predictions: SymbolicTensor
) -> tuple[Shape, Shape] | None:
    """Shapes of an operand of the targets alone and one of the predictions alone whose first axes do not meet."""
    batched = [t for t in operands if isinstance(t, SymbolicTensor) and t.shape and t.shape[0] is None]
    if len({len(t.shape) for t in batched}) < 2:
        return None
    of = {id(t): _sources(t, targets, predictions) for t in batched}
    for one in (t for t in batched if of[id(t)] == (True, False)):
        for other in (t for t in batched if of[id(t)] == (False, True)):
            if len(one.shape) != len(other.shape):
                return one.shape, other.shape
    return None


def _sources(tensor: SymbolicTensor, targets: SymbolicTensor, predictions: SymbolicTensor) -> tuple[bool, bool]:
    """Whether it comes from the targets, and whether from the predictions."""
    nodes = {id(node) for node in ancestors(tensor)}
    return id(targets.unidl_node) in nodes, id(predictions.unidl_node) in nodes


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

"""Shapes of targets and predictions: nothing is broadcast between them."""

from __future__ import annotations

from typing import Any

from unidl.backends.conversion import ensure_shape
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.node import leaves
from unidl.graph.shape import fits, known_shape
from unidl.graph.spec import Shape, dtype_name, is_float


def single(what: str, targets: Any, predictions: Any) -> None:
    """Refuse nested targets or predictions.

    Raises:
        ArgumentError: One of them is a list, a tuple or a dict, or no tensor at all.
    """
    for name, value in (("targets", targets), ("predictions", predictions)):
        if not hasattr(value, "shape") or not hasattr(value, "dtype"):
            nested = isinstance(value, (list, tuple, dict))
            keys = f" with the keys {', '.join(map(repr, value))}" if isinstance(value, dict) else ""
            inner = nested and all(hasattr(leaf, "shape") for leaf in leaves(value))
            raise ArgumentError(
                f"{what} compares one tensor of targets with one of predictions.",
                expected="an array or a tensor for each",
                received=f"{name}: a {type(value).__name__}{keys}",
                fix="For several outputs, give a function(targets, predictions) that calls it for each of them."
                if inner
                else "np.asarray(values) makes an array.",
            )


def alike(what: str, targets: Any, predictions: Any) -> tuple[Any, Any]:
    """Targets and predictions, if they have one shape. What a graph does not know of it is looked at as it runs.

    Raises:
        ShapeError: The shapes differ; the fix is named where a last axis of length 1 is missing or extra.
    """
    single(what, targets, predictions)
    given, wanted = known_shape(targets), known_shape(predictions)
    if given == wanted:
        return targets, predictions
    if not fits(given, wanted):
        assert given is not None  # fits() says yes to what is not known
        assert wanted is not None
        raise different(what, _text(wanted), _text(given), last_axis(given, wanted))
    return _ensured(targets, wanted), _ensured(predictions, given)


def different(what: str, wanted: str, given: str, fix: str | None = None) -> ShapeError:
    """The error for targets of another shape than the predictions."""
    return ShapeError(
        f"{what}: targets and predictions have different shapes, and nothing is broadcast between them.",
        expected=f"targets of the predictions' shape {wanted}",
        received=given,
        fix=fix,
    )


def _ensured(tensor: Any, shape: Shape | None) -> Any:
    """The tensor, found to have these lengths when its graph runs, where it does not know them yet and somebody does."""
    known = known_shape(tensor)
    if shape is None or (
        known is not None and all(a is not None or b is None for a, b in zip(known, shape, strict=True))
    ):
        return tensor
    return ensure_shape(tensor, shape)


def with_classes(what: str, targets: Any, predictions: Any, one_column: str) -> tuple[Any, Any, int | None]:
    """Targets, predictions and the number of classes, None where it is not known, if the shapes fit. A graph looks again as it runs.

    Args:
        what: Who asks, for the message.
        targets: (batch, ...) of integers, or (batch, ..., classes) of floats.
        predictions: (batch, ..., classes)
        one_column: What to use where the predictions have a single column.

    Raises:
        ShapeError: The predictions have no class axis or one class only, or the targets do not fit them.
    """
    single(what, targets, predictions)
    given, wanted = known_shape(targets), known_shape(predictions)
    if wanted is None:
        return targets, predictions, None
    if len(wanted) < 2 or wanted[-1] == 1:
        raise ShapeError(
            f"{what} needs predictions with at least two classes on their last axis."
            if len(wanted) > 1
            else f"{what} needs predictions with a class axis behind the batch axis.",
            expected="predictions (batch, ..., classes)",
            received=_text(wanted),
            fix=f"For yes or no in one column, {one_column}; for classes, end the model with a unit for each of them.",
        )
    floats = is_float(dtype_name(targets.dtype))
    fitting = wanted if floats else wanted[:-1]
    if given == fitting:
        return targets, predictions, wanted[-1]
    if not fits(given, fitting):
        assert given is not None  # fits() says yes to what is not known
        raise _unfit_classes(what, given, wanted, floats)
    predictions_shape = given if floats or given is None else (*given, None)
    return _ensured(targets, fitting), _ensured(predictions, predictions_shape), wanted[-1]


def _unfit_classes(what: str, given: Shape, wanted: Shape, floats: bool) -> ShapeError:
    if floats:
        return ShapeError(
            f"{what}: targets of floats are probabilities of the classes and need the predictions' shape.",
            expected=_text(wanted),
            received=_text(given),
            fix='Integer labels are integers: targets.astype("int64").' if fits(given, wanted[:-1]) else None,
        )
    fix = last_axis(given, wanted[:-1])
    if fits(given, wanted):
        fix = 'One-hot targets are floats: targets.astype("float32").'
    return ShapeError(
        f"{what}: integer labels need the predictions' shape without the class axis.",
        expected=f"{_text(wanted[:-1])}, for predictions {_text(wanted)}",
        received=_text(given),
        fix=fix,
    )


def last_axis(given: Shape, wanted: Shape) -> str | None:
    """What makes the targets' shape the one that is wanted, where a last axis of length 1 is all that differs."""
    if fits((*given, 1), wanted) and wanted[-1] == 1:
        return "targets[..., None] adds the last axis."
    if given[-1:] == (1,) and fits(given[:-1], wanted):
        return "targets[..., 0] takes the last axis away."
    return None


def _text(shape: Shape) -> str:
    return str(tuple(shape))

"""What a loss is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl import habits, ops
from unidl.arguments import one_of
from unidl.capture import snake_case, told_arguments
from unidl.errors import ArgumentError
from unidl.family import Family, Member
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.targets import weights
from unidl.targets.function import Comparison, check_values

REDUCTIONS = ("mean", "weighted_mean")
LOSSES: Family[Loss] = Family(
    "loss",
    "losses",
    habits.LOSSES,
    "an object of unidl.losses, or a function(targets, predictions)",
    aliases=habits.LOSS_ALIASES,
)


class Loss(Member, family=LOSSES, calls={"per_example": ("targets", "predictions")}):
    """Base class of losses: `loss(targets, predictions)`.

        loss = sum(sample_weight * per_example) / N                       reduction="mean"
        loss = sum(sample_weight * per_example) / sum(sample_weight)      reduction="weighted_mean"

    N is the number of positions that a mask does not leave out. A subclass defines `per_example`, and `mask` where positions are left out.
    Sum and number are kept apart (`sums`), so that batches can be added to one another: the mean of two batches is the sum of both sums
    divided by the sum of both numbers. With "weighted_mean" weights equal repeated examples.

    Raises:
        ShapeError: The shapes of targets and predictions do not fit; nothing is broadcast between them.
    """

    reads_logits = False  # whether a softmax or sigmoid at the model's end would be a mistake
    probabilities: str | None = None  # the op that makes probabilities of such logits, which from_logits=False takes
    reduction = "mean"  # or "weighted_mean"
    of_classes = False  # whether targets are usually integer labels without the predictions' class axis
    of_positions = False  # whether `per_example` has a value for each element of the targets, but for a class axis

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        one_of(cls, "reduction", cls.reduction, REDUCTIONS)

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The loss of each example, or of each position of each example: (batch, ...); 0 where `mask` is False."""
        raise ArgumentError(
            f"{type(self).__name__} has no per_example(targets, predictions).", fix="Define it on the class."
        )

    def mask(self, targets: Any) -> Any:
        """Which positions of `per_example` count: a bool tensor of its shape, or None where all do."""
        return None

    def sums(self, targets: Any, predictions: Any, sample_weight: Any = None, mask: Any = None) -> tuple[Any, Any]:
        """The sum of the weighted losses, and what it is divided by, both scalars.

        Args:
            targets: As the loss takes them.
            predictions: Likewise.
            sample_weight: (batch,), or more of the first axes of `per_example`: numbers from 0 up; booleans are a mask.
            mask: Likewise, booleans: False leaves the position out. Targets there may be anything.

        Returns:
            (numerator, denominator); the loss is the one by the other, and 0 where nothing counts.
        """
        own = self.mask(targets)
        each = self._each(weights.blanked(targets, weights.mask_of(sample_weight, mask)), predictions)
        kind = dtype_name(each.dtype)
        each = each if is_float(kind) else ops.cast(each, "float32")
        factor, counts = weights.factors(self._title(), each, sample_weight, mask, own)
        each, number = weights.weighed(each, factor, counts)
        if factor is not None and self.reduction == "weighted_mean":
            number = ops.multiply(number, factor)
        return ops.sum(each), ops.sum(number)

    def __call__(self, targets: Any, predictions: Any, sample_weight: Any = None, mask: Any = None) -> Any:
        """The mean loss, a scalar; see `sums` for weights and masks."""
        if sample_weight is None and mask is None:
            return self._mean(targets, predictions)
        return weights.divided(*self.sums(targets, predictions, sample_weight, mask))

    def _mean(self, targets: Any, predictions: Any) -> Any:
        """The mean where nothing is weighed; a subclass may have one op for it."""
        if self.mask(targets) is None:
            return ops.mean(self._each(targets, predictions))
        return weights.divided(*self.sums(targets, predictions))

    def class_indices(self, targets: Any) -> Any:
        """The class of each position, integers of the shape of `per_example`: what class weights go by.

        Raises:
            ArgumentError: The targets are no integer labels.
        """
        if is_float(dtype_name(targets.dtype)):
            raise ArgumentError(
                f"class_weight goes by classes. {self._title()} compares numbers.",
                expected="integer labels, or a loss of unidl.losses between classes",
                received=f"targets of {dtype_name(targets.dtype)}",
                fix="sample_weight= weighs examples whatever their targets are.",
            )
        return ops.cast(targets, "int64")

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Refuse data that cannot be targets for such predictions, before any step.

        Args:
            targets: All targets, as an array.
            predictions: Shape and dtype of the model's output.
        """
        self._comparison().check(targets, predictions)

    def _each(self, targets: Any, predictions: Any) -> Any:
        """The losses of a user's class or function, looked at before and after."""
        comparison = self._comparison()
        comparison.check(targets, predictions)
        return check_values(comparison.what, self.per_example(targets, predictions), targets, predictions)

    def _comparison(self) -> Comparison:
        found: Comparison | None = self.__dict__.get("_compared")
        if found is None:
            found = self.__dict__["_compared"] = Comparison(self._title(), self.per_example)
        return found

    def _title(self) -> str:
        return f"The loss {type(self).__name__}"


class _Function(Loss):
    """A user's function of targets and predictions."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def per_example(self, targets: Any, predictions: Any) -> Any:
        return self.function(targets, predictions)

    def _title(self) -> str:
        return f"The loss function {getattr(self.function, '__name__', type(self.function).__name__)!r}"


def is_function(loss: Loss) -> bool:
    """Whether a loss is a function of the user's."""
    return isinstance(loss, _Function)


def label(loss: Loss) -> str:
    """The name of a loss: its function's, its own, or its class'."""
    known = next((name for name, kind in LOSSES.names.items() if kind is type(loss)), None)
    if isinstance(loss, _Function):
        return str(getattr(loss.function, "__name__", type(loss.function).__name__))
    return str(loss._unidl.name or known or snake_case(type(loss).__name__))  # type: ignore[attr-defined]


def float_dtype(predictions: Any) -> str:
    """The dtype in which a loss is computed: the predictions', float32 for integers."""
    dtype = dtype_name(predictions.dtype)
    return dtype if is_float(dtype) else "float32"


@told_arguments
def get(value: Any) -> Loss:
    """The loss for a name, a loss, or a function of targets and predictions.

    A function returns a scalar, or a value for each example (batch, ...), whose mean is the loss.

    Raises:
        ArgumentError: There is none of that name.
    """
    found = LOSSES.found(value)
    if found is not None:
        return found
    if callable(value):
        return _Function(value)
    if isinstance(value, str):
        raise LOSSES.no_such(value)
    raise ArgumentError(
        "A loss is missing or is none.",
        expected=f"one of {', '.join(map(repr, LOSSES.names))}, {LOSSES.others}",
        received=repr(value),
    )

"""What a loss is, and how one is found by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl import habits, ops
from unidl.capture import Captured, told_arguments
from unidl.errors import ArgumentError
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.subclass import check_methods, check_signatures
from unidl.targets.function import Comparison, check_values

NAMES: dict[str, type[Loss]] = {}
OTHERS = "an object of unidl.losses, or a function(targets, predictions)"  # what else a loss may be


class Loss(metaclass=Captured):
    """Base class of losses: `loss(targets, predictions)`.

        loss = sum(per_example) / number of positions

    A subclass defines `per_example`, and `mask` where positions are left out. Sum and number are kept apart (`sums`), so that batches can
    be added to one another: the mean of two batches is the sum of both sums divided by the sum of both numbers.

    Raises:
        ShapeError: The shapes of targets and predictions do not fit; nothing is broadcast between them.
    """

    reads_logits = False  # whether a softmax or sigmoid at the model's end would be a mistake
    probabilities: str | None = None  # the op that makes probabilities of such logits, which from_logits=False takes

    def __init_subclass__(cls, name: str | None = None, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        check_methods(cls, Loss)
        check_signatures(cls, Loss, {"per_example": ("targets", "predictions")})
        if name is not None:
            NAMES[name] = cls

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The loss of each example, or of each position of each example: (batch, ...); 0 where `mask` is False."""
        raise ArgumentError(
            f"{type(self).__name__} has no per_example(targets, predictions).", fix="Define it on the class."
        )

    def mask(self, targets: Any) -> Any:
        """Which positions of `per_example` count: a bool tensor of its shape, or None where all do."""
        return None

    def sums(self, targets: Any, predictions: Any) -> tuple[Any, Any]:
        """The sum of the losses, and the number of positions that count, both scalars.

        Returns:
            (numerator, denominator); the loss is the one by the other, and 0 where no position counts.
        """
        each, mask = self._each(targets, predictions), self.mask(targets)
        number = ops.ones_like(each) if mask is None else ops.cast(mask, dtype_name(each.dtype))
        return ops.sum(each), ops.sum(number)

    def __call__(self, targets: Any, predictions: Any) -> Any:
        """The mean loss, a scalar."""
        if self.mask(targets) is None:
            return ops.mean(self._each(targets, predictions))
        numerator, denominator = self.sums(targets, predictions)
        return ops.divide(numerator, ops.maximum(denominator, 1.0))

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

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._unidl.arguments.items())  # type: ignore[attr-defined]
        return f"{type(self).__name__}({given})"


class _Function(Loss):
    """A user's function of targets and predictions."""

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = function

    def per_example(self, targets: Any, predictions: Any) -> Any:
        return self.function(targets, predictions)

    def _title(self) -> str:
        return f"The loss function {getattr(self.function, '__name__', type(self.function).__name__)!r}"


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
    if isinstance(value, Loss):
        return value
    if isinstance(value, str):
        if value in NAMES:
            return NAMES[value]()
        raise habits.no_such("loss", "losses", value, habits.LOSSES, NAMES, OTHERS)
    if isinstance(value, type) and issubclass(value, Loss):
        raise ArgumentError(f"The loss is the class {value.__name__}.", fix=f"Call it: {value.__name__}().")
    if callable(value):
        return _Function(value)
    raise ArgumentError(
        "A loss is missing or is none.",
        expected=f"one of {', '.join(map(repr, NAMES))}, an object of unidl.losses, or a function(targets, predictions)",
        received=repr(value),
    )

"""Accuracy: how often a prediction is right."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from unidl import ops
from unidl.arguments import flag, integer, number, optional
from unidl.backends.conversion import at_hand
from unidl.graph.spec import TensorSpec, dtype_name, is_float
from unidl.metrics.average import Average
from unidl.targets import distributions, labels, weights
from unidl.targets.shapes import alike, with_classes

_INSTEAD = "use metrics.BinaryAccuracy() (after a sigmoid with from_logits=False)"

# What a label that is none of the classes takes off the count, where a graph or an accelerator finds it: `result` sees it
_OUTSIDE = 2**40


class _Fraction(Average):
    """The fraction of positions that are hits: `per_example` is bool."""

    def initial(self) -> dict[str, np.ndarray]:
        """Hits and positions, counted in integers: a float32 count would stop growing at 2^24."""
        return {"hits": np.zeros((), "int64"), "count": np.zeros((), "int64")}

    def count(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """Count the batch's hits."""
        hits, mask = self.per_example(targets, predictions), self.mask(targets)
        # a tensor of the batch's own backend, where ops.size may be a Python number
        counts = ops.ones_like(hits, "int64") if mask is None else ops.cast(mask, "int64")
        hits = hits if mask is None else ops.logical_and(hits, mask)
        return {
            **state,
            "hits": ops.add(state["hits"], ops.sum(ops.cast(hits, "int64"))),
            "count": ops.add(state["count"], ops.sum(counts)),
        }

    def result(self, state: dict[str, np.ndarray]) -> float:
        """hits / count; NaN where no position counts, for then it is not defined."""
        return self.mean_of(float(state["hits"]), int(state["count"]), state)


class Accuracy(_Fraction, name="accuracy"):
    """Fraction of positions where the largest prediction is the true class; at a tie the lowest class is the prediction.

    Args:
        ignore_index: An integer label to leave out, as in losses.CrossEntropy. None leaves out no label.
    Input: targets (batch, ...) of integer labels or (batch, ..., classes) of probabilities; predictions (batch, ..., classes),
        logits or probabilities
    Output: a number in [0, 1]; NaN where no position counts
    Raises:
        ShapeError: The predictions have no class axis or one column only, for which this accuracy is not defined
            (metrics.BinaryAccuracy is for yes or no), or the targets do not fit them.
        DataError: A label is none of the classes. Where to look would wait, in a graph or on an accelerator, `result` raises it.
    Example:
        >>> import numpy, unidl
        >>> a = unidl.metrics.Accuracy()
        >>> s = a.update(a.initial(), numpy.array([0, 1]), numpy.array([[2.0, 1.0], [3.0, 1.0]], "float32"))
        >>> a.result({k: unidl.to_numpy(v) for k, v in s.items()})
        0.5
    Where the frameworks differ: Keras' "accuracy" chooses among three metrics by the shapes, its class Accuracy compares numbers for
    equality; torchmetrics' task="multiclass" averages over classes by default for some of its metrics.
    """

    def __init__(self, ignore_index: int | None = None) -> None:
        self.ignore_index = optional(integer, self, "ignore_index", ignore_index)

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), without the class axis."""
        guesses = ops.argmax(predictions, axis=-1)
        truth = ops.argmax(targets, axis=-1) if is_float(dtype_name(targets.dtype)) else ops.cast(targets, "int64")
        return ops.equal(guesses, truth)

    def mask(self, targets: Any) -> Any:
        """False where the label is the one to leave out."""
        return None if self.ignore_index is None else ops.not_equal(ops.cast(targets, "int64"), self.ignore_index)

    def update(
        self, state: dict[str, Any], targets: Any, predictions: Any, sample_weight: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        """Count the batch's hits."""
        targets, predictions, classes = self._fitting(targets, predictions)
        targets = weights.blanked(targets, weights.mask_of(sample_weight, mask))
        after = super().update(state, targets, predictions, sample_weight, mask)
        if labels.are_checked() or is_float(dtype_name(targets.dtype)) or classes is None:
            return after
        values = at_hand(targets)
        if values is not None:
            labels.check("Accuracy", values, classes, self.ignore_index)
            return after
        number = ops.cast(targets, "int64")
        outside = ops.logical_or(ops.less(number, 0), ops.greater_equal(number, classes))
        own = self.mask(targets)
        outside = ops.cast(outside if own is None else ops.logical_and(outside, own), "int64")
        return {**after, "count": ops.subtract(after["count"], ops.multiply(ops.sum(outside), _OUTSIDE))}

    def result(self, state: dict[str, np.ndarray]) -> float:
        """hits / count."""
        if state["count"] < 0:
            raise labels.outside_classes("Accuracy", None, (), None, self.ignore_index)
        return super().result(state)

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Labels that are classes, or rows that are probabilities of them; shapes that fit."""
        *_, classes = self._fitting(targets, predictions)
        if targets.dtype.kind == "f":
            distributions.check_sums("Accuracy", targets, _INSTEAD)
        else:
            labels.check("Accuracy", targets, classes, self.ignore_index)

    def _fitting(self, targets: Any, predictions: Any) -> tuple[Any, Any, int | None]:
        return with_classes("Accuracy", targets, predictions, _INSTEAD)


class BinaryAccuracy(_Fraction, name="binary_accuracy"):
    """Fraction of positions where yes or no is predicted right; a prediction at the threshold is a no.

    Args:
        threshold: The probability above which a prediction is a yes, between 0 and 1.
        from_logits: Whether predictions are logits; False takes probabilities.
    Input: targets and predictions of one shape (batch, ...); targets are 0 or 1, of any dtype
    Output: a number in [0, 1]
    Raises:
        ShapeError: The shapes differ; nothing is broadcast.
        DataError: A target in an array is neither 0 nor 1.
    Example:
        >>> import numpy, unidl
        >>> a = unidl.metrics.BinaryAccuracy()
        >>> s = a.update(a.initial(), numpy.array([[0], [1]]), numpy.array([[-1.0], [-2.0]], "float32"))
        >>> a.result({k: unidl.to_numpy(v) for k, v in s.items()})
        0.5
    Where the frameworks differ: Keras' and torchmetrics' read probabilities; torchmetrics takes what is outside of [0, 1] for logits.
    """

    probabilities = "sigmoid"

    def __init__(self, threshold: float = 0.5, from_logits: bool = True) -> None:
        self.threshold = number(self, "threshold", threshold, above=0, below=1)
        self.from_logits = flag(self, "from_logits", from_logits)
        self.reads_logits = self.from_logits

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """(batch, ...), of the predictions' shape."""
        edge = math.log(self.threshold / (1 - self.threshold)) if self.from_logits else self.threshold
        return ops.equal(ops.greater(predictions, edge), ops.greater(ops.cast(targets, "float32"), 0.5))

    def update(
        self, state: dict[str, Any], targets: Any, predictions: Any, sample_weight: Any = None, mask: Any = None
    ) -> dict[str, Any]:
        """Count the batch's hits."""
        targets, predictions = alike("Binary accuracy", targets, predictions)
        targets = weights.blanked(targets, weights.mask_of(sample_weight, mask))
        if isinstance(targets, np.ndarray):
            distributions.check_unit("Binary accuracy", targets, only_ends=True)
        return super().update(state, targets, predictions, sample_weight, mask)

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Equal shapes, and targets that are 0 or 1."""
        alike("Binary accuracy", targets, predictions)
        distributions.check_unit("Binary accuracy", targets, only_ends=True)

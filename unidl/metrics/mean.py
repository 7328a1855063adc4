"""The mean of a function over all examples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl import arguments, ops
from unidl.graph.node import leaves
from unidl.graph.spec import TensorSpec
from unidl.metrics.average import Average, compensated
from unidl.targets.function import Comparison, check_values


class Mean(Average):
    """Mean of a function of targets and predictions.

        sum of the values / number of values, or sum(w * value) / sum(w) where batches come with weights

    Args:
        function: Returns a value for each example (batch, ...), or a scalar, which counts as often as the batch has examples.
    Raises:
        ShapeError: The function broadcasts targets against predictions, or returns something else.
    """

    def __init__(self, function: Callable[[Any, Any], Any]) -> None:
        self.function = arguments.function(self, "function", function, " of targets and predictions")

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self._unidl.name or getattr(self.function, "__name__", "mean"))  # type: ignore[attr-defined]

    def initial(self) -> dict[str, np.ndarray]:
        """The sum, what rounding has taken from it, and the count as an integer: a float32 count would stop growing at 2^24.

        Not in float64, which not every device has (Kahan, 1965, doi:10.1145/363707.363723).
        """
        zero = np.zeros((), "float32")
        return {"total": zero, "lost": zero, "count": np.zeros((), "int64")}

    def per_example(self, targets: Any, predictions: Any) -> Any:
        """The values, (batch, ...) or a scalar, if they are such."""
        comparison = self._comparison()
        comparison.check(targets, predictions)
        return check_values(comparison.what, self.function(targets, predictions), targets, predictions)

    def count(self, state: dict[str, Any], targets: Any, predictions: Any) -> dict[str, Any]:
        """Add the batch's sum and number."""
        values = self.per_example(targets, predictions)
        count = ops.size(values) if len(values.shape) else _examples(targets, predictions)
        mean = ops.mean(ops.cast(values, "float32"))
        added = ops.add(ops.multiply(mean, count), state["lost"])
        total = ops.add(state["total"], added)
        return {
            **state,
            "total": total,
            "lost": ops.subtract(added, ops.subtract(total, state["total"])),
            "count": ops.add(state["count"], count),
        }

    def result(self, state: dict[str, np.ndarray]) -> float:
        """(total + lost) / count, NaN of no value."""
        return self.mean_of(compensated(state, "total", "lost"), float(state["count"]), state)

    def check(self, targets: np.ndarray, predictions: TensorSpec) -> None:
        """Refuse shapes of which the function would broadcast one against the other."""
        self._comparison().check(targets, predictions)

    def _comparison(self) -> Comparison:
        found: Comparison | None = self.__dict__.get("_compared")
        if found is None:
            found = self.__dict__["_compared"] = Comparison(f"The metric {self.name!r}", self.function)
        return found


def _examples(targets: Any, predictions: Any) -> Any:
    """How many examples a batch has, of nested targets too."""
    return ops.shape(next(leaf for leaf in leaves((targets, predictions)) if len(getattr(leaf, "shape", ()))))[0]

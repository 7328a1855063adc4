"""What a Trainer minimizes and measures: a loss and metrics for each output, with weights of examples, classes and losses."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from unidl import ops
from unidl.description.plan import LayerPlan
from unidl.errors import ArgumentError, ShapeError
from unidl.graph.spec import dtype_name
from unidl.graph.tensor import SymbolicTensor
from unidl.losses import Loss
from unidl.losses.loss import is_function, label
from unidl.metrics import Metric
from unidl.metrics.metric import takes_weights
from unidl.targets import weights as weighing
from unidl.training.checks import refuse_softmax
from unidl.training.class_weights import by_class, tables_of
from unidl.training.numbers import positions_of
from unidl.training.outputs import Key, Outputs
from unidl.training.parts import Measure, Part, loss_weights_of, measures_of, parts_of

# What is added to the losses of outputs, as it is logged
ADDED = "added_loss"
EXTRA = (ADDED,)


class Objective:
    """The losses and metrics of a Trainer.

    Args:
        loss: As the Trainer was given them: a loss, a dict of losses by output, or a list of them in the outputs' order.
        loss_weights: Factors, a dict or list likewise; None is 1 for each.
        given_metrics: A list of metrics, a dict of them by output, or a list of lists in the outputs' order.

    Raises:
        ArgumentError: Something of it is no loss, metric or weight, or two numbers would have one name.
    """

    def __init__(self, loss: Any, loss_weights: Any, given_metrics: Any) -> None:
        self._given = tuple(parts_of(loss))
        self._weights = loss_weights_of(loss_weights, loss)
        self._measured = tuple(measures_of(given_metrics))
        self.parts, self.measures = self._given, self._measured
        self.outputs: Outputs | None = None
        self.adds = False  # whether layers add losses of their own
        self._plain: Loss | None = None  # the one loss, where there is nothing beside it
        self._check_names()

    @property
    def loss(self) -> Any:
        """The one loss of all that forward returns; of losses by output a function of (targets, predictions), their weighted sum."""
        if len(self._given) == 1 and self._given[0].key is None:
            return self._given[0].loss
        if not self._given:
            raise no_loss()
        return self._sum

    def _sum(self, targets: Any, predictions: Any, sample_weight: Any = None) -> Any:
        return self.value(targets, predictions, sample_weight)[0]

    def resolve(self, plan: LayerPlan, adds: bool) -> None:
        """Find the outputs of the model that losses and metrics are given for.

        Args:
            plan: The model's.
            adds: Whether layers of it add losses of their own.

        Raises:
            ArgumentError: There is no such output.
        """
        outputs = Outputs(plan)
        parts = [replace(part, key=outputs.key("loss", part.key)) for part in self._given]
        factors = {outputs.key("loss_weights", key): weight for key, weight in self._weights.items()}
        unused = factors.keys() - {part.key for part in parts}
        if unused:
            raise ArgumentError(
                f"loss_weights has a weight for the output {sorted(map(str, unused))[0]!r}, which has no loss.",
                expected=f"outputs with a loss: {', '.join(repr(part.key) for part in parts)}",
            )
        self.measures = tuple(replace(m, key=outputs.key("metrics", m.key)) for m in self._measured)
        self.parts = tuple(replace(part, weight=factors.get(part.key, 1.0)) for part in parts)
        self.outputs, self.adds = outputs, adds
        single = len(self.parts) == 1 and self.parts[0].key is None and not adds
        self._plain = self.parts[0].loss if single else None
        self._check_names()

    # -- names -----------------------------------------------------------------------------------------------------------

    @property
    def is_named(self) -> bool:
        """Whether the loss has several parts, each logged under a name."""
        return len(self.parts) > 1 or self.adds

    def part_name(self, part: Part) -> str:
        """Under which a part is logged: "class_loss" of an output "class", else the name of the loss itself."""
        if part.key is None:
            return label(part.loss)
        return f"{part.key}_loss" if isinstance(part.key, str) else f"output_{part.key + 1}_loss"

    def metric_name(self, measure: Measure) -> str:
        """Under which a metric is logged: "class_accuracy" of an output "class"."""
        if measure.key is None:
            return measure.metric.name
        key = measure.key if isinstance(measure.key, str) else f"output_{measure.key + 1}"
        return f"{key}_{measure.metric.name}"

    def names(self) -> list[str]:
        """All that an epoch has of losses and metrics."""
        parts = [self.part_name(part) for part in self.parts] if self.is_named else []
        measured = [self.metric_name(measure) for measure in self.measures]
        alias = self._alias()
        return ["loss", *parts, *(EXTRA if self.adds else ()), *measured, *([alias] if alias is not None else [])]

    def shown(self) -> str:
        """The losses in a line; "" where there is none."""
        parts = [
            f"{part.loss!r}"
            if part.key is None
            else f"{part.key!r}: {part.loss!r}" + (f" * {part.weight:g}" if part.weight != 1.0 else "")
            for part in self.parts
        ]
        return "" if not parts else f"loss {parts[0]}" if self.parts[0].key is None else f"losses {', '.join(parts)}"

    def _alias(self) -> str | None:
        """The name of a function that is the one loss: an epoch's loss is logged under it too."""
        if self.is_named or not self.parts or not is_function(self.parts[0].loss):
            return None
        name = self.part_name(self.parts[0])
        taken = {"loss", *(self.metric_name(measure) for measure in self.measures)}
        return name if name.isidentifier() and name not in taken else None

    def _check_names(self) -> None:
        names = ["loss", *(self.metric_name(measure) for measure in self.measures)]
        names += [self.part_name(part) for part in self.parts] if self.is_named else []
        if len(set(names)) < len(names):
            raise ArgumentError(
                "Two numbers of the Trainer would have one name.",
                expected="a name for each metric, other than 'loss'",
                received=", ".join(names),
                fix="unidl.metrics.Mean(function, name=…) gives a function's mean another name.",
            )

    # -- inside a step ---------------------------------------------------------------------------------------------------

    def value(
        self, targets: Any, predictions: Any, sample_weight: Any = None, class_weights: Mapping[Key, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """The weighted sum of the losses of a batch, and what is logged beside it.

        Args:
            targets: Of all outputs.
            predictions: Likewise.
            sample_weight: Weights or masks of the examples, for all outputs or nested as the targets; None for none.
            class_weights: Output -> weights by class, with the weight of all other classes at their end.

        Returns:
            (the loss, numbers); the numbers are the parts, where there are several, and what each is divided by.
        """
        if not self.parts:
            raise no_loss()
        if self._plain is not None and sample_weight is None and class_weights is None:
            value, divisor = _mean(self._plain, targets, predictions, None, None)
            return value, {} if divisor is None else {positions_of("loss"): divisor}
        total, numbers = None, {}
        for part in self.parts:
            target, prediction = self._of("targets", targets, part.key), self._of("predictions", predictions, part.key)
            weight = self._weight_of(sample_weight, part.key)
            table = None if class_weights is None else class_weights.get(part.key)
            value, divisor = _mean(part.loss, target, prediction, weight, table)
            name = self.part_name(part) if self.is_named else "loss"
            if self.is_named:
                numbers[name] = value
            if divisor is not None:
                numbers[positions_of(name)] = divisor
            value = value if part.weight == 1.0 else ops.multiply(value, part.weight)
            total = value if total is None else ops.add(total, value)
        return total, numbers

    def positions(self, targets: Any, sizes: list[int]) -> dict[str, np.ndarray]:
        """What the losses of some steps were divided by, where batches may have other lengths than one another.

        Args:
            targets: Of examples, with the lengths that these steps had.
            sizes: Examples in each step's batch.
        """
        found = {}
        for part in self.parts:
            given = self._of("targets", targets, part.key)
            if part.loss.of_positions and len(getattr(given, "shape", ())) > 1:
                name = self.part_name(part) if self.is_named else "loss"
                found[positions_of(name)] = np.array(sizes, "float64") * math.prod(tuple(given.shape)[1:])
        return found

    def finished(self, means: dict[str, float]) -> dict[str, float]:
        """An epoch's numbers, whose loss is the sum of its parts' means: each was divided once."""
        if "loss" not in means:
            return means
        if self.is_named:
            factors = {self.part_name(part): part.weight for part in self.parts} | dict.fromkeys(EXTRA, 1.0)
            parts = {name: means[name] for name in factors if name in means}
            return {"loss": sum(parts[name] * factors[name] for name in parts), **parts}
        alias = self._alias()
        return means if alias is None else {**means, alias: means["loss"]}

    def measure(
        self, states: dict[str, Any], targets: Any, predictions: Any, sample_weight: Any = None
    ) -> dict[str, Any]:
        """The metrics' states with one more batch; the predictions take no gradient."""
        after = dict(states)
        for i, measure in enumerate(self.measures):
            before, metric, key = states[str(i)], measure.metric, measure.key
            target, prediction, weight = targets, predictions, sample_weight
            if key is not None:
                target, prediction = self._of("targets", targets, key), self._of("predictions", predictions, key)
                weight = self._weight_of(sample_weight, key)
            if weight is None:
                state = metric.update(before, target, prediction)
            else:
                state = metric.update(before, target, prediction, sample_weight=weight)  # type: ignore[call-arg]
            if state.keys() != before.keys():
                raise ArgumentError(
                    f"The metric {metric.name!r} does not keep its state.",
                    expected=f"update(…) gives what initial() does: {', '.join(before)}",
                    received=", ".join(state) or "nothing",
                    fix="Return every part of the state, changed or not.",
                )
            after[str(i)] = {k: v if v is before[k] else ops.stop_gradient(v) for k, v in state.items()}
        return after

    def initial(self, weighted: bool) -> dict[str, dict[str, np.ndarray]]:
        """The metrics' states before the first batch."""
        states = [m.metric.weighted_initial() if weighted else m.metric.initial() for m in self.measures]
        return {str(i): state for i, state in enumerate(states)}

    def results(self, states: Mapping[str, Mapping[str, np.ndarray]]) -> dict[str, float]:
        """The metrics' numbers, of their states as arrays."""
        return {self.metric_name(m): m.metric.result(dict(states[str(i)])) for i, m in enumerate(self.measures)}

    def _of(self, what: str, nest: Any, key: Key) -> Any:
        if key is None:
            return nest
        assert self.outputs is not None  # only a built model is called
        return self.outputs.of(what, nest, key, alone=what == "targets" and len({key for key, _ in self._readers}) == 1)

    @property
    def _readers(self) -> list[tuple[Key, Loss | Metric]]:
        """All that reads targets and predictions."""
        return [(p.key, p.loss) for p in self.parts] + [(m.key, m.metric) for m in self.measures]

    def _weight_of(self, sample_weight: Any, key: Key) -> Any:
        """The weights of one output's examples: an array is of all outputs, and a dict leaves out those that have none."""
        if sample_weight is None or key is None or hasattr(sample_weight, "shape"):
            return sample_weight
        if isinstance(sample_weight, Mapping) and key not in sample_weight:
            return None
        return self._of("weights", sample_weight, key)

    # -- before anything is computed ---------------------------------------------------------------------------------------

    def check_model(self, plan: LayerPlan) -> None:
        """Refuse a model that ends with a softmax or sigmoid where a loss or metric reads logits."""
        for key, reader in self._readers:
            refuse_softmax(reader, plan, self._of("predictions", plan.calls[0].outputs, key))

    def check(self, batch: tuple[Any, ...]) -> None:
        """Let losses and metrics look at targets and weights, arrays on the host: (x, y) or (x, y, sample_weight).

        Raises:
            DataError: A target or weight is none.
            ShapeError: Targets do not fit the outputs.
            ArgumentError: A metric takes no weights.
        """
        targets, weights = batch[1], batch[2] if len(batch) > 2 else None
        if weights is not None:
            weighing.check("sample_weight", weights)
            self._check_weights(weights)
        assert self.outputs is not None
        for key, reader in self._readers:
            given, output = self._of("targets", targets, key), self._of("predictions", self.outputs.structure, key)
            weight = self._weight_of(weights, key)
            if weight is not None and isinstance(reader, Metric) and not takes_weights(reader):
                raise ArgumentError(
                    f"The metric {reader.name!r} takes no weights, and the examples have some.",
                    expected="update(self, state, targets, predictions, sample_weight=None)",
                    received=f"{type(reader).__name__}.update without sample_weight",
                    fix="Give update that parameter, or leave the metric out.",
                )
            if isinstance(output, SymbolicTensor) and hasattr(given, "dtype"):
                if hasattr(weight, "dtype") and weight.dtype.kind == "b":
                    given = weighing.blanked_array(given, weight)
                reader.check(given, output.spec)

    def class_tables(self, given: Any) -> dict[Key, np.ndarray] | None:
        """Weights by class, as `fit` was given them, by output (see unidl.training.class_weights); None for none."""
        if given is None:
            return None
        if not self.parts:
            raise no_loss()
        assert self.outputs is not None
        return tables_of(given, self.parts, self.outputs)

    def _check_weights(self, weights: Any) -> None:
        """Weights are one array, or nested by output."""
        if hasattr(weights, "shape"):
            return
        assert self.outputs is not None
        known = set(self.outputs.names or [])
        if isinstance(weights, Mapping) and not set(weights) <= known:
            raise ArgumentError(
                "sample_weight has weights for what is no output of the model.",
                expected=f"keys among {', '.join(map(repr, sorted(known)))}" if known else "one array",
                received=", ".join(map(repr, weights)),
            )


def no_loss() -> ArgumentError:
    """The error of a Trainer without a loss where it needs one."""
    return ArgumentError(
        "This Trainer has no loss.", fix='Trainer(model, loss="cross_entropy"), or write training_step.'
    )


def _mean(loss: Loss, targets: Any, predictions: Any, weight: Any, table: Any) -> tuple[Any, Any]:
    """The loss of a batch, and what its sum was divided by, None where that goes by the examples."""
    if weight is None and table is None:
        value, mask = loss(targets, predictions), loss.mask(targets)
        shape = getattr(value, "shape", None)
        if shape is None or len(shape):
            raise ShapeError(
                f"The loss {loss!r} returned no single number.",
                expected="a scalar: ()",
                received=f"a {type(value).__name__}" if shape is None else f"a tensor of shape {tuple(shape)}",
                fix="Define per_example(targets, predictions) on the class: Loss.__call__ takes the mean.",
            )
        return value, None if mask is None else ops.sum(ops.cast(mask, dtype_name(value.dtype)))
    mask = weighing.mask_of(weight, None)
    if table is not None:
        of_class = by_class(loss, weighing.blanked(targets, mask), table)
        if weight is None or mask is not None:
            weight = of_class
        else:
            weight = ops.multiply(weighing.aligned(f"The loss {loss!r}", "sample_weight", weight, of_class), of_class)
    numerator, denominator = loss.sums(
        targets, predictions, weight if mask is None or table is not None else None, mask
    )
    return weighing.divided(numerator, denominator), denominator

"""What a Trainer does, as the parts of a training loop that a framework's code is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from unidl import ops
from unidl.codegen.author import Author
from unidl.codegen.code import Line, Value
from unidl.codegen.layout import tidy
from unidl.codegen.literals import literal
from unidl.codegen.optimizer import Update, update_of
from unidl.codegen.schedule import rate_of
from unidl.codegen.scope import Scope
from unidl.codegen.trained import Trained, trained_of
from unidl.description.plan import LayerPlan
from unidl.description.trace import tracing
from unidl.errors import SourceError, UnidlError
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.losses import MSE, BinaryCrossEntropy, CrossEntropy
from unidl.metrics import Accuracy, BinaryAccuracy, Mean
from unidl.schedules import Constant
from unidl.targets import labels

# what train.py has beside its functions, and what those call their variables: a metric's function gets another name
GLOBALS = frozenset(["DataLoader", "FROZEN", "NO_DECAY", "TensorDataset", "find", "load", "math", "np", "train"])
LOCALS = frozenset(
    [
        "data", "dataset", "decays", "epoch", "epochs", "examples", "frozen", "groups", "history", "inputs", "learning_rate", "loader",
        "loss", "measure", "measures", "model", "name", "named", "numbers", "optimizer", "parameter", "parameters", "plain",
        "predictions", "rate", "state", "step", "step_number", "targets", "totals", "updates", "value", "weights",
    ]
)  # fmt: skip


@dataclass(frozen=True)
class Loop:
    """A Trainer's parts.

    Args:
        author: Who has written the model.
        name: The model's.
        loss: The description.
        optimizer: Likewise.
        metrics: Likewise.
        predictions: The spec of what the model gives.
        trained: The tensors that may be trained.
    """

    author: Author
    name: str
    loss: Any
    optimizer: Any
    metrics: tuple[Any, ...]
    predictions: TensorSpec
    trained: tuple[Trained, ...]

    @property
    def frozen(self) -> tuple[str, ...]:
        """Paths in the weights' file of weights that are frozen."""
        return tuple(one.name for one in self.trained if one.frozen)

    @property
    def plain(self) -> tuple[str, ...]:
        """Those of weights that are trained and do not decay, though others do."""
        moving = [one for one in self.trained if not one.frozen]
        return tuple(one.name for one in moving if not one.decay) if any(one.decay for one in moving) else ()

    @property
    def decay(self) -> float:
        """The weight decay of the others."""
        return max((one.decay for one in self.trained if not one.frozen), default=0.0)

    @cached_property
    def update(self) -> Update:
        """The optimizer's step, traced from its definition."""
        return update_of(self.author, self.optimizer, self.trained)

    @cached_property
    def schedule(self) -> Any:
        """The learning rate of a step, traced from the schedule."""
        return rate_of(self.optimizer.learning_rate)

    @property
    def frozen_kinds(self) -> list[tuple[str, bool]]:
        """The frozen layers' paths in the weights' file, and whether they do something else in training."""
        author, language = self.author, self.author.language
        found = []

        def search(plan: LayerPlan, path: list[str]) -> None:
            frozen = plan.layer._unidl.frozen
            if frozen and (plan.weights or not plan.children) and path:
                found.append((language.joined(path), author.trains(plan)))
            for key, child in plan.children.items():
                if child.reached:
                    search(child, [*path, *language.path_of(author.members(plan), key)])

        search(author.root, language.root_path(author))
        return found

    @property
    def frozen_layers(self) -> list[str]:
        """The frozen layers' paths in the weights' file."""
        return [path for path, _ in self.frozen_kinds]

    @property
    def classes(self) -> bool:
        """Whether the loss is a cross-entropy of classes."""
        return type(self.loss) is CrossEntropy

    @property
    def binary(self) -> bool:
        """Whether the loss is a cross-entropy of yes and no."""
        return type(self.loss) is BinaryCrossEntropy

    @property
    def rate(self) -> float | None:
        """The learning rate, if it is always the same."""
        schedule = self.optimizer.learning_rate
        return schedule.value if type(schedule) is Constant else None

    @cached_property
    def targets(self) -> TensorSpec:
        """The spec of the targets that the loss and the metrics take.

        The Trainer does not know it before it has data: what the predictions are, class indices, or a column of them.
        """
        alike, shape = self.predictions, self.predictions.shape
        given = [alike, *(TensorSpec(s, "int64") for s in ((shape[:-1], (*shape[:-1], 1)) if shape else ()))]
        if self.loss.of_classes:
            given = [given[1], alike]
        errors = []
        for spec in given:
            try:
                for _, function in self._functions():
                    self._traced(function, spec)
            except _NOT_TRACED as error:
                errors.append(error)
            else:
                return spec
        raise SourceError(
            "The loss and the metrics cannot be traced on targets like the predictions, nor on class indices.",
            received="; ".join(dict.fromkeys(str(error).splitlines()[0] for error in errors)),
            fix="Write the model's source alone: unidl.eject(trainer.model, …).",
        ) from errors[0]

    def _functions(self) -> Iterator[tuple[str, Callable[[Any, Any], Any]]]:
        """What is written by its definition, as functions of targets and predictions."""
        if own_loss(self):
            yield "loss_function", self.loss
        for metric in self.metrics:
            if type(metric) in MEANS:
                yield metric.name, mean_of(metric)
            elif not is_plain_accuracy(metric):
                yield metric.name, lambda t, p, m=metric: m.update(_started(m), t, p)  # type: ignore[misc]

    def _traced(self, function: Callable[..., Any], targets: TensorSpec) -> tuple[tuple[Any, Any], Any]:
        given = placeholder(targets), placeholder(self.predictions)
        with tracing(), labels.checked():
            return given, function(*given)

    def function(
        self,
        function: Callable[..., Any],
        name: str,
        before: Mapping[str, TensorSpec] | None = None,
        first: Callable[[str], Iterable[str]] = lambda targets: (),
    ) -> tuple[str, list[str]]:
        """A function of targets and predictions, its name and its lines.

        Args:
            function: Of a dict of the tensors before, if there are some, and targets and predictions.
            name: A name near it.
            before: Names and specs of its parameters before those.
            first: Statements before all others, for the name that the targets have.
        """
        scope = Scope(self.author)
        known = {key: placeholder(spec) for key, spec in (before or {}).items()}
        given = placeholder(self.targets), placeholder(self.predictions)
        hints = [*known, "targets", "predictions"]
        parameters = [scope.parameter(t, hint) for t, hint in zip((*known.values(), *given), hints, strict=True)]
        with tracing(), labels.checked():
            outputs = function(known, *given) if before is not None else function(*given)
        result = scope.graph(outputs)
        if isinstance(result, list):
            result = [scope.laid(value, False) if isinstance(value, Value) else value for value in result]
            text = literal(tuple(result)) if len(result) == 1 else literal(result)[1:-1]
        else:
            text = scope.laid(result, False).code.text if isinstance(result, Value) else str(result)
        lines = [*map(Line, first(parameters[-2])), *scope.lines, Line(f"return {text}")]
        called = self.author.name(name)
        return called, tidy(self.author.language.function_lines(called, parameters, lines))


# What a function of a user's may raise on symbolic tensors that takes a framework's own
_NOT_TRACED = (UnidlError, TypeError, ValueError, AttributeError)


def _started(metric: Any) -> dict[str, Any]:
    """A metric's state as symbolic tensors."""
    return {name: placeholder(spec) for name, spec in state_specs(metric).items()}


def started(metric: Any) -> dict[str, np.ndarray]:
    """A metric's state before the first batch, in float32 where it is in float64: NumPy's default, in which the code does not compute."""
    arrays = {name: np.asarray(value) for name, value in metric.initial().items()}
    return {name: array.astype("float32") if array.dtype == "float64" else array for name, array in arrays.items()}


def state_specs(metric: Any) -> dict[str, TensorSpec]:
    """The shapes and dtypes of a metric's state."""
    return {name: TensorSpec(array.shape, array.dtype.name) for name, array in started(metric).items()}


def same_as(value: Any, classes: Iterable[type], methods: Iterable[str]) -> type | None:
    """The class of a table that an object is written as: its own, or a base none of whose methods it changes."""
    cls, table = type(value), tuple(classes)
    base = next((base for base in cls.__mro__ if base in table), None)
    alike = base is not None and all(getattr(cls, name) is getattr(base, name) for name in methods)
    return base if alike else None


def loop_of(author: Author, trainer: Any) -> Loop:
    """The parts of a Trainer's loop.

    Raises:
        SourceError: It has a step of its own, or its model several outputs.
    """
    cls = type(trainer)
    own = [
        name
        for base in cls.__mro__[: cls.__mro__.index(_trainer_class(cls))]
        for name in vars(base)
        if name == "training_step"
    ]
    if own:
        raise SourceError(
            f"{cls.__name__} has a training_step of its own, whose code is not written.",
            fix="Write the model's source alone, unidl.eject(trainer.model, …), and translate the step by hand.",
        )
    (optimizer,) = trainer.optimizers.values()
    adding = next((plan.title for plan in author.root.walk() if plan.adds_loss), None)
    if adding is not None:
        raise SourceError(
            f"{adding} adds a loss of its own, and a loop that adds it is not written.", fix="Eject the model alone."
        )
    outputs = author.root.calls[0].outputs
    if not isinstance(outputs, SymbolicTensor):
        raise SourceError("A loop for a model with several outputs is not written.", fix="Eject the model alone.")
    author.globals |= GLOBALS.union(author.language.trains_with)
    author.locals |= LOCALS
    trained = tuple(trained_of(author, optimizer))
    decays = {one.decay for one in trained if one.decay and not one.frozen}
    if len(decays) > 1:
        raise SourceError(
            f"{type(optimizer).__name__} gives weights several weight decays, which is not written.",
            expected="one weight decay, and no_decay for the others",
            received=", ".join(map(repr, sorted(decays))),
        )
    return Loop(author, class_title(author), trainer.loss, optimizer, tuple(trainer.metrics), outputs.spec, trained)


def _trainer_class(cls: type) -> type:
    """The Trainer itself, among a class' bases."""
    return next(base for base in cls.__mro__ if base.__module__.startswith("unidl.training"))


def class_title(author: Author) -> str:
    """What the model is called in a file's first line."""
    return author.root.layer._unidl.name or (
        "Model" if type(author.root.layer).__module__.startswith("unidl.") else author.root.kind
    )


def is_plain_accuracy(metric: Any) -> bool:
    """Whether a metric is the accuracy over all positions."""
    return type(metric) is Accuracy and metric.ignore_index is None


MEANS = (BinaryAccuracy, Mean)  # metrics that are the mean of a function


def mean_of(metric: Mean | BinaryAccuracy) -> Callable[[Any, Any], Any]:
    """The mean of a metric's values over a batch."""
    return lambda targets, predictions: ops.mean(ops.cast(metric.per_example(targets, predictions), "float32"))


def values_of(metric: Mean | BinaryAccuracy) -> Callable[[Any, Any], Any]:
    """A metric's values over a batch, whose mean the framework takes."""
    return lambda targets, predictions: ops.cast(metric.per_example(targets, predictions), "float32")


def names_text(names: tuple[str, ...]) -> str:
    """A tuple of names, on one line or on one each."""
    short = literal(names)
    lines = [f"    {literal(name)}," for name in names]
    return short if len(short) < 60 else "\n".join(["(", *lines, ")"])


def own_loss(loop: Loop) -> bool:
    """Whether the loss is written by its definition: a user's own, or what the framework has no expression for."""
    if loop.binary:
        return not loop.loss.from_logits
    return type(loop.loss) not in (CrossEntropy, MSE)

"""What a Trainer does, as the parts of a training loop that a framework's code is made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl import ops
from unidl.codegen.author import Author
from unidl.codegen.code import Line, Value
from unidl.codegen.literals import literal
from unidl.codegen.scope import Scope
from unidl.description.plan import LayerPlan
from unidl.description.trace import tracing
from unidl.errors import SourceError, UnidlError
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.losses import MSE, BinaryCrossEntropy, CrossEntropy
from unidl.metrics import Accuracy, BinaryAccuracy, Mean
from unidl.optimizers import SGD, Adam, AdamW
from unidl.schedules import Constant, Cosine

# what train.py calls its variables: a metric's function gets another name
TAKEN = frozenset(
    [
        "FROZEN", "NO_DECAY", "data", "dataset", "decays", "epoch", "epochs", "examples", "find", "frozen",
        "groups", "history", "inputs", "learning_rate", "load", "loader", "loss", "model", "name", "named",
        "np", "numbers", "optimizer", "parameter", "parameters", "plain", "predictions", "step",
        "step_number", "targets", "totals", "train", "value", "weights",
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
        frozen: Paths in the weights' file of weights that rest.
        plain: Those of weights that are trained and do not decay, though others do.
    """

    author: Author
    name: str
    loss: Any
    optimizer: Any
    metrics: tuple[Any, ...]
    predictions: TensorSpec
    frozen: tuple[str, ...]
    plain: tuple[str, ...]

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

    def function(self, function: Callable[..., Any], name: str) -> tuple[str, list[str]]:
        """A function of targets and predictions, its name and its lines; targets are like the predictions."""
        scope = Scope(self.author)
        given = [placeholder(self.predictions) for _ in range(2)]
        parameters = [scope.parameter(t, hint) for t, hint in zip(given, ("targets", "predictions"), strict=True)]
        try:
            with tracing():
                outputs = function(*given)
        except UnidlError as error:
            raise SourceError(
                f"The function {name!r} cannot be traced on targets like the predictions.",
                received=str(error),
                fix="Write the model's source alone: unidl.eject(trainer.model, …).",
            ) from error
        result = scope.graph(outputs)
        text = scope.laid(result, False).code.text if isinstance(result, Value) else str(result)
        lines = [*scope.lines, Line(f"return {text}")]
        called = self.author.name(name)
        return called, self.author.language.function_lines(called, parameters, lines)


def loop_of(author: Author, trainer: Any) -> Loop:
    """The parts of a Trainer's loop.

    Raises:
        SourceError: It has a step, an optimizer, a schedule or a metric of its own.
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
    if type(optimizer) not in (SGD, Adam, AdamW):
        raise SourceError(
            f"The optimizer {type(optimizer).__name__} is one of your own, whose code is not written.",
            fix="Eject the model alone, or with one of unidl.optimizers.",
        )
    if type(optimizer.learning_rate) not in (Constant, Cosine):
        raise SourceError(
            f"The schedule {type(optimizer.learning_rate).__name__} is Python of your own, whose code is not written.",
            fix="Eject with a number or one of unidl.schedules.",
        )
    for metric in trainer.metrics:
        if type(metric) not in (Accuracy, BinaryAccuracy, Mean):
            raise SourceError(f"The metric {metric.name!r} is one of your own, whose code is not written.")
    adding = next((plan.title for plan in author.root.walk() if plan.adds_loss), None)
    if adding is not None:
        raise SourceError(
            f"{adding} adds a loss of its own, and a loop that adds it is not written.", fix="Eject the model alone."
        )
    outputs = author.root.calls[0].outputs
    if not isinstance(outputs, SymbolicTensor):
        raise SourceError("A loop for a model with several outputs is not written.", fix="Eject the model alone.")
    author.globals |= TAKEN.union(author.language.trains_with)
    frozen, plain = _resting(author, optimizer)
    return Loop(
        author, class_title(author), trainer.loss, optimizer, tuple(trainer.metrics), outputs.spec, frozen, plain
    )


def _trainer_class(cls: type) -> type:
    """The Trainer itself, among a class' bases."""
    return next(base for base in cls.__mro__ if base.__module__.startswith("unidl.training"))


def class_title(author: Author) -> str:
    """What the model is called in a file's first line."""
    return author.root.layer._unidl.name or (
        "Model" if type(author.root.layer).__module__.startswith("unidl.") else author.root.kind
    )


def _resting(author: Author, optimizer: Any) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths in the weights' file of what is frozen, and of what does not decay."""
    numbered: dict[str, np.ndarray] = {}
    at: dict[int, tuple[str, bool, bool]] = {}  # number -> path, whether it is frozen, whether it is trained at all
    for plan in author.root.walk():
        for name, spec in plan.weights.items():
            path = f"{plan.path}/{name}" if plan.path else name
            number = len(at) + 1
            at[number] = (path, bool(plan.layer._unidl.frozen), spec.trainable)
            numbered[path] = np.full(spec.shape, number, "int64")
    frozen, plain = [], []
    decays = bool(optimizer.weight_decay)
    for native, array in author.arrays(numbered).items():
        found = [at[int(n)] for n in np.unique(array) if int(n) in at]
        trained = [(path, still) for path, still, trainable in found if trainable]
        if not trained:
            continue
        still = {still for _, still in trained}
        shares = {optimizer.decays(path) for path, _ in trained}
        if len(still) > 1 or (decays and len(shares) > 1):
            raise SourceError(
                f"The weights {', '.join(path for path, _ in trained)} are one tensor {native!r} in {author.language.title}, and "
                "rest or decay differently.",
                fix="Give them one answer in no_decay, or freeze all of them.",
            )
        if still == {True}:
            frozen.append(native)
        elif decays and shares == {0.0}:
            plain.append(native)
    return tuple(frozen), tuple(plain)


def mean_of(metric: Mean | BinaryAccuracy) -> Callable[[Any, Any], Any]:
    """The mean of a metric's values over a batch."""
    return lambda targets, predictions: ops.mean(ops.cast(metric.per_example(targets, predictions), "float32"))


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

"""What cannot be written as source code, as data: the tests look that each is refused, and docs/source.md shows them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

import unidl
from unidl import layers, metrics, ops, optimizers, schedules


@dataclass(frozen=True)
class Refused:
    """One row.

    Args:
        what: In words.
        make: The model or Trainer.
        why: Part of the error.
        instead: What to do.
        backends: Where; all of them if none is named.
    """

    what: str
    make: Callable[[], Any]
    why: str
    instead: str
    backends: tuple[str, ...] = ("torch", "keras", "tensorflow")


class Branching(layers.Layer):
    def forward(self, x: Any) -> Any:
        return x if ops.sum(x) > 0 else -x


class Clipped(layers.Layer):
    def forward(self, x: Any) -> Any:
        return ops.custom_gradient(lambda v: (v, lambda dy: ops.clip(dy, -1.0, 1.0)))(x)


class Holding(layers.Layer):
    def forward(self, x: Any) -> Any:
        return ops.add(x, np.arange(400, dtype="float32"))


class Strided(layers.Layer):
    def setup(self, shape: Any) -> None:
        self.add_weight("kernel", (3, 3, shape[-1], 2))

    def forward(self, x: Any) -> Any:
        return ops.conv(x, self.kernel, strides=2, dilation=2)


class Padded(layers.Layer):
    def forward(self, x: Any) -> Any:
        return ops.average_pool(x, 2, 1, [(1, 0), (0, 1)])


class OwnStep(unidl.Trainer):
    def training_step(self, batch: Any) -> Any:
        return self.minimize(lambda: ops.mean(self.model(batch[0])))


class Clipping(optimizers.SGD):
    def clipped(self, gradients: list[Any]) -> list[Any]:
        return [ops.clip(gradient, -1.0, 1.0) for gradient in gradients]


class Deciding(optimizers.Optimizer):
    def update(self, weight: Any, gradient: Any, state: Any, learning_rate: Any, step: Any) -> Any:
        return (weight - gradient if step > 3 else weight), {}


class Listed(schedules.Schedule):
    def __init__(self, rates: list[float]) -> None:
        self.rates = rates

    def __call__(self, step: int) -> float:
        return self.rates[step]


class Counting(schedules.Schedule):
    """Depends on how often it is called."""

    calls: ClassVar[list[int]] = []

    def __call__(self, step: int) -> float:
        self.calls.append(1)
        return 0.1 / (1 + len(self.calls))


class Longest(metrics.Metric):
    def initial(self) -> dict[str, Any]:
        return {"length": np.zeros((), "int64")}

    def update(self, state: Any, targets: Any, predictions: Any) -> Any:
        return {"length": ops.maximum(state["length"], ops.cast(ops.max(targets), "int64"))}

    def result(self, state: Any) -> float:
        return float(sum(range(state["length"])))


def built(*parts: Any, shape: tuple[int, ...] = (4,)) -> unidl.Model:
    return unidl.Sequential([unidl.Input(shape), *parts])


def dense() -> unidl.Model:
    return built(layers.Dense(2))


def frozen_norm() -> unidl.Trainer:
    model = built(layers.BatchNormalization(), layers.Dense(2)).build(backend="torch")
    model.freeze("batch_normalization")
    return unidl.Trainer(model, loss="mse")


REFUSED = [
    Refused(
        "a forward that branches on a tensor in Python",
        lambda: built(Branching()),
        "branches on a tensor in Python",
        "`ops.cond`, `ops.while_loop` or `ops.scan`",
    ),
    Refused(
        "`ops.custom_gradient`",
        lambda: built(Clipped()),
        "ops.apply_custom_gradient cannot be written",
        "write the function without it, and its gradient by hand in the framework's own way",
    ),
    Refused(
        "an array of more than 256 numbers in a forward",
        lambda: built(Holding(), shape=(400,)),
        "too many to stand in source code",
        "a weight: `self.add_weight(name, shape, initializer=array, trainable=False)`",
    ),
    Refused(
        "`ops.conv` with strides together with dilation",
        lambda: built(Strided(), shape=(9, 9, 1)),
        "strides together with dilation",
        "one of both",
        ("keras", "tensorflow"),
    ),
    Refused(
        "`ops.average_pool` with padding of one's own",
        lambda: built(Padded(), shape=(4, 4, 1)),
        "average pooling with padding of one's own",
        '"same" or "valid"',
        ("keras", "tensorflow"),
    ),
    Refused(
        "a model in another precision than float32",
        lambda: unidl.Sequential([layers.Dense(2)]).build((3,), backend="torch", precision="float64"),
        "it is one in float64",
        '`unidl.convert(model, backend, precision="float32")` first',
    ),
    Refused(
        "a Trainer with a `training_step` of its own",
        lambda: OwnStep(dense(), loss="mse"),
        "has a training_step of its own",
        "eject `trainer.model`, and write the step by hand",
    ),
    Refused(
        "an optimizer with a `clipped` of its own",
        lambda: unidl.Trainer(dense(), loss="mse", optimizer=Clipping(0.1)),
        "clips gradients by a rule of its own",
        "`clip_norm`, or clip each weight's gradient in `update`",
    ),
    Refused(
        "an optimizer whose `update` branches on a tensor",
        lambda: unidl.Trainer(dense(), loss="mse", optimizer=Deciding(0.1)),
        "Deciding.update cannot be traced",
        "`ops.where`",
    ),
    Refused(
        "a schedule that needs the step as a plain number, such as an index",
        lambda: unidl.Trainer(dense(), loss="mse", optimizer=optimizers.SGD(Listed([0.1, 0.01]))),
        "it is an index",
        "a formula of the step: operators, comparisons, `math` and NumPy functions",
    ),
    Refused(
        "a schedule that depends on more than the step",
        lambda: unidl.Trainer(dense(), loss="mse", optimizer=optimizers.SGD(Counting())),
        "gives another learning rate than its code",
        "compute the rate from the step alone",
    ),
    Refused(
        "a metric whose `result` needs its state as plain numbers",
        lambda: unidl.Trainer(dense(), loss="mse", metrics=[Longest()]),
        "the end of a range",
        "a formula of the state: operators, comparisons, `math` and NumPy functions",
    ),
    Refused(
        "a Trainer with a frozen batch normalization or dropout",
        frozen_norm,
        "rests in training",
        "unfreeze it first, or eject for torch or Keras",
        ("tensorflow",),
    ),
]

"""A user's script, for type checkers: what unidl's calls give is known, and wrong arguments are seen. Nobody runs it."""

from typing import assert_type

import numpy as np

import unidl
from unidl import callbacks, initializers, layers, losses, metrics, optimizers, schedules
from unidl.training.history import History


class Net(unidl.Model):
    """A model with a constructor of its own."""

    def __init__(self, units: int) -> None:
        self.hidden = layers.Dense(units, activation="relu", kernel_initializer=initializers.Orthogonal(0.5))
        self.out = layers.Dense(2)

    def forward(self, x: object) -> object:
        """A batch."""
        return self.out(self.hidden(x))


class Lion(optimizers.Optimizer):
    """An optimizer."""

    def __init__(self, learning_rate: float = 1e-4) -> None:
        super().__init__(learning_rate)


x = unidl.Input((3,))
model = unidl.Model(x, layers.Dense(2)(x))
assert_type(model, unidl.Model)
assert_type(layers.Conv2D(8, 3), layers.Conv2D)
assert_type(Net(8), Net)
assert_type(Net(8).build((3,), backend="torch"), Net)
assert_type(Net(8).name, str)
assert_type(Lion(), Lion)
assert_type(losses.CrossEntropy(label_smoothing=0.1), losses.CrossEntropy)
assert_type(metrics.Accuracy(), metrics.Accuracy)
assert_type(schedules.Cosine(0.1, steps=100)(3), float)

trainer = unidl.Trainer(model, loss="mse", optimizer=optimizers.Adam(schedules.Cosine(1e-3, steps=100)))
assert_type(trainer, unidl.Trainer)
history = trainer.fit(np.zeros((4, 3)), np.zeros((4, 2)), callbacks=[callbacks.EarlyStopping(patience=2)])
assert_type(history, History)
assert_type(unidl.source(model, "torch"), str)

layers.Dense("two")  # type: ignore[arg-type]
layers.Conv2D(8, 3, stride=2)  # type: ignore[call-arg]
optimizers.SGD(momentum="much")  # type: ignore[arg-type]
schedules.Cosine(0.1)  # type: ignore[call-arg]

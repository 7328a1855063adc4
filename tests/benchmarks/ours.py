"""unidl's side: the public API and nothing else."""

from __future__ import annotations

from typing import Any

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import optimizers

OPTIMIZERS = {"sgd": optimizers.SGD, "adam": optimizers.Adam, "adamw": optimizers.AdamW}


def trainer(work: Workload, model: unidl.Model, **more: Any) -> unidl.Trainer:
    """The Trainer's own step."""
    optimizer = OPTIMIZERS[work.optimizer](work.rate, **work.options)
    return unidl.Trainer(model, loss=work.loss, optimizer=optimizer, **more)


class Side:
    """A model trained by a Trainer."""

    def __init__(self, work: Workload, backend: str, shuffle: bool = True, jit: bool | str = False) -> None:
        self.work, self.backend, self.shuffle = work, backend, shuffle
        inputs, self.targets = work.arrays()
        self.inputs = inputs[0] if len(inputs) == 1 else inputs
        self.model = work.model()
        make = work.trainer or trainer
        self.trainer = make(work, self.model, backend=backend, jit=jit, seed=0)

    def build(self) -> Side:
        """Build the model, as the first `fit` would."""
        x = self.inputs if isinstance(self.inputs, tuple) else (self.inputs,)
        self.model.build(*(a[:1] for a in x), backend=self.backend, seed=0)
        return self

    def fit(self, epochs: int) -> np.ndarray:
        history = self.trainer.fit(
            self.inputs, self.targets, epochs=epochs, batch_size=self.work.batch, shuffle=self.shuffle, progress=False
        )
        return history.step_loss

    def predict(self, *x: np.ndarray) -> np.ndarray:
        return self.model.predict(*x, batch_size=len(x[0]))

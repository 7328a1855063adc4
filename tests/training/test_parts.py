"""One optimizer for two parts of a model: each keeps its own state, and only its own weights move."""

import numpy as np

import unidl
from unidl import layers, ops, optimizers


class Two(unidl.Model):
    def __init__(self):
        self.left, self.right = (unidl.Sequential([layers.Dense(1, use_bias=False)]) for _ in range(2))

    def forward(self, x):
        return self.left(x) + self.right(x)


class Both(unidl.Trainer):
    def training_step(self, batch):
        (x,) = batch if isinstance(batch, tuple) else (batch,)
        left = self.minimize(lambda: ops.mean(self.model.left(x)), part=self.model.left)
        right = self.minimize(lambda: ops.mean(self.model.right(x)) * -1.0, part=self.model.right)
        return {"left": left, "right": right}


def test_each_part_moves_its_own_weights(backend):
    m = Two().build((2,), backend=backend)
    before = m.weights()
    Both(m, optimizer=optimizers.SGD(0.5)).fit(np.ones((4, 2)), batch_size=4, progress=False)
    after = m.weights()
    np.testing.assert_allclose(after["left/dense/kernel"], before["left/dense/kernel"] - 0.5, atol=1e-6)
    np.testing.assert_allclose(after["right/dense/kernel"], before["right/dense/kernel"] + 0.5, atol=1e-6)

"""A convolution of one filter: on its torch engine Keras lays its kernel out so that torch may refuse the gradient."""

import numpy as np
import pytest

import unidl
from unidl import layers, losses, ops, optimizers

IMAGES = np.random.default_rng(0).normal(size=(1, 5, 4, 2)).astype("float32")


@pytest.mark.parametrize("backend", ["keras"])
def test_it_has_a_gradient(backend):
    with unidl.using(backend):
        x, kernel = ops.tensor(IMAGES), ops.tensor(np.ones((2, 3, 2, 1), "float32"))
        gradient = unidl.grad(lambda k: ops.sum(ops.conv(x, k)))(kernel)
    windows = [
        IMAGES[0, i : i + 4, j : j + 2].sum((0, 1)) for i in range(2) for j in range(3)
    ]  # by (row, column) of kernel
    np.testing.assert_allclose(unidl.to_numpy(gradient)[..., 0], np.reshape(windows, (2, 3, 2)), atol=1e-5)


@pytest.mark.parametrize("backend", ["keras"])
def test_its_layer_trains(backend):
    model = unidl.Sequential([layers.Conv2D(1, (2, 3)), layers.Flatten()])
    model.build((5, 4, 2), backend=backend)
    trainer = unidl.Trainer(model, loss=losses.MSE(), optimizer=optimizers.SGD(0.1))
    before = model.weights()["conv2d/kernel"].copy()
    trainer.step((IMAGES, np.zeros((1, 8), "float32")))
    assert np.abs(model.weights()["conv2d/kernel"] - before).max() > 0

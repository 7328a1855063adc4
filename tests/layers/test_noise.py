"""Layers that draw in training: what is drawn, by its statistics, and the same on every backend with random="portable"."""

import copy

import numpy as np
import pytest

import unidl
from unidl import layers

SHAPES = {
    "SpatialDropout1D": (500, 3, 40),
    "SpatialDropout2D": (500, 2, 2, 40),
    "SpatialDropout3D": (500, 2, 1, 2, 40),
}


def drawn(layer, x, backend):
    model = unidl.Sequential([layer]).build(x.shape[1:], backend=backend, random="portable", seed=3)
    return unidl.to_numpy(model(x, training=True))


@pytest.mark.parametrize("name", SHAPES)
def test_whole_channels_are_dropped(name, backend):
    x = np.random.default_rng(0).normal(size=SHAPES[name]).astype("float32")
    y = drawn(getattr(layers, name)(0.3), x, backend)
    factors = (y / x).reshape(len(x), -1, x.shape[-1])
    np.testing.assert_allclose(factors, np.broadcast_to(factors[:, :1], factors.shape), atol=1e-5)
    dropped = factors[:, 0] == 0
    assert abs(dropped.mean() - 0.3) < 0.02  # 20000 draws: 6 standard deviations
    np.testing.assert_allclose(factors[:, 0][~dropped], 1 / 0.7, rtol=1e-5)


def test_gaussian_noise(backend):
    noise = drawn(layers.GaussianNoise(0.2), np.ones((500, 40), "float32"), backend) - 1
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 0.2) < 0.01


def test_gaussian_dropout(backend):
    y = drawn(layers.GaussianDropout(0.2), np.full((500, 40), 2.0, "float32"), backend)
    assert abs(y.mean() - 2.0) < 0.05
    assert abs(y.std() - 1.0) < 0.05  # 2 * sqrt(0.2 / 0.8)


def test_alpha_dropout_keeps_mean_and_variance(backend):
    x = np.random.default_rng(0).normal(size=(500, 40)).astype("float32")
    y = drawn(layers.AlphaDropout(0.3), x, backend)
    assert abs(y.mean()) < 0.05
    assert abs(y.std() - 1) < 0.05
    values, counts = np.unique(y, return_counts=True)
    assert abs(counts.max() / y.size - 0.3) < 0.02  # those that were dropped have one value
    np.testing.assert_allclose(
        values[counts.argmax()], -1.7580993 * 0.7 * (0.7 * (1 + 0.3 * 1.7580993**2)) ** -0.5, atol=1e-5
    )


PORTABLE = {
    **{name: (getattr(layers, name)(0.4), (3, *shape[1:])) for name, shape in SHAPES.items()},
    "GaussianNoise": (layers.GaussianNoise(0.2), (3, 8)),
    "GaussianDropout": (layers.GaussianDropout(0.2), (3, 8)),
    "AlphaDropout": (layers.AlphaDropout(0.2), (3, 8)),
}


@pytest.mark.parametrize("name", PORTABLE)
def test_the_same_everywhere(name, backend):
    layer, shape = PORTABLE[name]
    x = np.random.default_rng(1).normal(size=shape).astype("float32")
    here, there = (drawn(copy.deepcopy(layer), x, name) for name in (backend, "tensorflow"))
    np.testing.assert_allclose(here, there, atol=1e-5)

"""The same seed starts the same training on every backend: weights and batches to the bit, loss curves up to rounding."""

from functools import cache

import numpy as np
import pytest

from tests.training.networks import JOBS, trainer
from unidl.optimizers import SGD, Adam, AdamW
from unidl.schedules import Cosine

OPTIMIZERS = {
    "sgd": lambda: SGD(0.05, momentum=0.9),
    "adam": lambda: Adam(1e-2),
    "adamw": lambda: AdamW(Cosine(1e-2, steps=20, warmup=4), weight_decay=0.1, clip_norm=1.0),
}


@cache
def curve(job, optimizer, precision, backend):
    """The losses of 20 steps, and the weights before and after."""
    made = trainer(JOBS[job], backend, optimizer=OPTIMIZERS[optimizer](), precision=precision, seed=3)
    x, y = JOBS[job].x, JOBS[job].y
    made.model.build(x[:1], backend=backend, precision=precision, seed=3)
    before = made.model.weights()
    # 90 examples in batches of 10, and a last partial batch with 16
    losses = [made.fit(x, y, epochs=1, batch_size=10, progress=False).step_loss for _ in range(2)]
    losses.append(made.fit(x, y, epochs=1, batch_size=80, progress=False).step_loss)
    return np.concatenate(losses), before, made.model.weights()


@pytest.mark.parametrize("job", ["mlp", "cnn", "attention"])
def test_initial_weights_are_bit_identical(job, backend):
    _, reference, _ = curve(job, "adamw", "float32", "torch")
    _, weights, _ = curve(job, "adamw", "float32", backend)
    assert list(weights) == list(reference)
    for path, value in reference.items():
        np.testing.assert_array_equal(weights[path], value, strict=True, err_msg=path)


@pytest.mark.parametrize(
    ("job", "optimizer"),
    [
        ("mlp", "sgd"),
        ("mlp", "adam"),
        ("mlp", "adamw"),
        ("cnn", "sgd"),
        ("cnn", "adamw"),
        ("lstm", "adam"),
        ("attention", "adamw"),
    ],
)
def test_twenty_steps_in_float32(job, optimizer, backend):
    reference, _, _ = curve(job, optimizer, "float32", "torch")
    losses, before, after = curve(job, optimizer, "float32", backend)
    assert losses.shape == reference.shape == (20,)
    assert all(not np.array_equal(before[path], after[path]) for path in before)  # states included
    np.testing.assert_allclose(losses, reference, rtol=1e-4, atol=0)


@pytest.mark.refused_on_jax
@pytest.mark.parametrize("job", JOBS)
def test_twenty_steps_in_float64(job, backend):
    reference, _, weights = curve(job, "adamw", "float64", "torch")
    losses, _, found = curve(job, "adamw", "float64", backend)
    np.testing.assert_allclose(losses, reference, rtol=1e-9, atol=0)
    for path, value in weights.items():
        assert found[path].dtype == np.float64
        np.testing.assert_allclose(found[path], value, rtol=1e-7, atol=1e-9, err_msg=path)


def test_another_seed_starts_another_training(backend):
    job = JOBS["mlp"]
    first, second = (trainer(job, backend, seed=seed) for seed in (0, 1))
    curves = [t.fit(job.x, job.y, batch_size=30, progress=False).step_loss for t in (first, second)]
    assert not np.array_equal(*curves)
    kernels = [t.model.weights()["dense/kernel"] for t in (first, second)]
    assert not np.array_equal(*kernels)


def test_the_order_of_batches_depends_on_the_epoch(backend):
    job = JOBS["mlp"]
    made = trainer(job, backend, optimizer=SGD(0.0))  # nothing is learnt: the losses are those of the batches
    history = made.fit(job.x, job.y, epochs=2, batch_size=30, progress=False)
    first, second = np.split(history.step_loss, 2)
    assert not np.array_equal(first, second)
    np.testing.assert_allclose(first.mean(), second.mean(), rtol=1e-5)
    same = trainer(job, backend, optimizer=SGD(0.0)).fit(
        job.x, job.y, epochs=2, batch_size=30, shuffle=False, progress=False
    )
    np.testing.assert_allclose(*np.split(same.step_loss, 2), rtol=1e-6)

"""A gradient inside a gradient: a gradient penalty in a training step is the same on every backend, compiled or not."""

from typing import Any

import numpy as np
import pytest

import unidl
from tests.conformance.case import ENGINE
from unidl import layers, ops, optimizers
from unidl.backends import registry
from unidl.backends.lowering import definitions_only

X = np.random.default_rng(0).random((16, 3, 2)).astype("float32")
Y = np.zeros((16, 1), "float32")

CODE_GENERATOR = pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own uses it

# layers whose kernels have no second derivative, or a wrong one, on some backend
BODIES: dict[str, Any] = {
    "batch normalization": lambda: [layers.Flatten(), layers.Dense(8, "tanh"), layers.BatchNormalization()],
    "layer normalization": lambda: [layers.Flatten(), layers.Dense(8, "tanh"), layers.LayerNormalization()],
    "lstm": lambda: [layers.LSTM(4)],
    "attention": lambda: [layers.MultiHeadAttention(1, 2), layers.Flatten()],
    "hard sigmoid": lambda: [layers.Flatten(), layers.Dense(8), layers.Activation("hard_sigmoid")],
    "softsign": lambda: [layers.Flatten(), layers.Dense(8), layers.Activation("softsign")],
}


class Penalized(unidl.Trainer):
    """Makes the gradient by the inputs small."""

    def training_step(self, batch: Any) -> Any:
        x, _ = batch

        def weighted(x: Any) -> Any:
            y = self.model(x)
            return ops.sum(y * ops.reshape(ops.arange(16.0, dtype="float32"), (16, 1)))

        return self.minimize(lambda: ops.mean(ops.square(unidl.grad(weighted)(x))))


class Model(unidl.Model):
    def __init__(self, body: str) -> None:
        self.body = BODIES[body]()
        self.head = layers.Dense(1)

    def forward(self, x: Any) -> Any:
        for layer in self.body:
            x = layer(x)
        return self.head(x)


def losses(body: str, backend: str, functional: bool = True, **arguments: Any) -> np.ndarray:
    """The penalty before each of three steps."""
    model = unidl.Sequential([*BODIES[body](), layers.Dense(1)]) if functional else Model(body)
    trainer = Penalized(model, optimizer=optimizers.SGD(1e-3), backend=backend, seed=0, **arguments)
    return trainer.fit(X, Y, epochs=3, batch_size=16, shuffle=False, progress=False).step_loss


@pytest.fixture(scope="module")
def right() -> dict[tuple[str, bool], np.ndarray]:
    """By the definitions, on the first installed backend."""
    found = {}
    for body in BODIES:
        for functional in (True, False):
            with definitions_only():
                found[body, functional] = losses(body, registry.installed()[0], functional)
    return found


@pytest.mark.parametrize("functional", [True, False], ids=["sequential", "subclass"])
@pytest.mark.parametrize("body", BODIES)
def test_a_gradient_penalty(body: str, functional: bool, backend: str, right: Any) -> None:
    np.testing.assert_allclose(losses(body, backend, functional), right[body, functional], rtol=2e-5)


@CODE_GENERATOR
@pytest.mark.parametrize("body", ["layer normalization", "lstm"])
def test_compiled(body: str, backend: str, right: Any) -> None:
    if backend == "keras" and ENGINE != "tensorflow":
        pytest.skip("a Keras training step on torch cannot be compiled, and says so: test_jit.py")
    np.testing.assert_allclose(losses(body, backend, jit=True), right[body, True], rtol=2e-5)


@pytest.mark.parametrize("body", ["batch normalization", "layer normalization", "lstm", "attention"])
def test_outside_a_trainer(body: str, backend: str) -> None:
    """Called eagerly, once before and once inside: what was traced for a call is no graph for a gradient inside a gradient."""
    found = []
    for name, definitions in ((backend, False), (registry.installed()[0], True)):
        model = unidl.Sequential([*BODIES[body](), layers.Dense(1)])
        if definitions:
            with definitions_only():
                model.build(X.shape[1:], backend=name, seed=0)
        else:
            model.build(X.shape[1:], backend=name, seed=0)
        model(X)
        b = registry.load(name)
        x = b.to_tensor(X, device=model.device)
        penalty = lambda x, m=model: ops.sum(ops.square(unidl.grad(lambda z: ops.sum(ops.square(m(z))))(x)))  # noqa: E731
        first = unidl.grad(lambda x, m=model: ops.sum(ops.square(m(x))))(x)
        found.append([unidl.to_numpy(first), unidl.to_numpy(unidl.grad(penalty)(x))])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5 * np.abs(other).max())


@CODE_GENERATOR
def test_jit_and_second_derivatives(backend: str) -> None:
    """unidl.jit around both gradients, around the inner one, around neither: 6 x of x ** 3."""
    x = np.array([1.0, 2.0, 3.0], "float32")
    cube = lambda y: ops.sum(y**3)  # noqa: E731
    inner = lambda x: ops.sum(unidl.grad(cube)(x))  # noqa: E731
    compiled = unidl.jit(cube)
    with unidl.using(backend):
        for second in (
            unidl.jit(lambda x: unidl.grad(inner)(x)),
            unidl.grad(unidl.jit(inner)),
            unidl.grad(lambda x: ops.sum(unidl.grad(compiled)(x))),
        ):
            np.testing.assert_allclose(unidl.to_numpy(second(x)), 6 * x, rtol=1e-6)

"""unidl.grad, value_and_grad and jit on plain functions of tensors."""

from typing import Any

import numpy as np
import pytest

import unidl
from tests.ops.case import symbol
from unidl import layers, ops
from unidl.backends import registry
from unidl.errors import ArgumentError, DtypeError, NotPortableError, ShapeError

X = np.array([1.0, 2.0, 3.0], "float32")


def test_value_and_gradient_of_an_array(backend: str) -> None:
    with unidl.using(backend):
        value, gradient = unidl.value_and_grad(lambda x: ops.sum(x * x))(X)
    assert float(unidl.to_numpy(value)) == 14.0
    np.testing.assert_allclose(unidl.to_numpy(gradient), 2 * X)


def test_the_gradient_has_the_structure_of_the_first_argument(backend: str) -> None:
    def loss(weights: Any, x: Any) -> Any:
        return ops.sum(x * weights["w"]) + weights["rest"][0] + 0.0 * ops.sum(weights["rest"][1])

    with unidl.using(backend):
        gradient = unidl.grad(loss)({"w": X, "rest": [2.0, X]}, X + 1)
    np.testing.assert_allclose(unidl.to_numpy(gradient["w"]), X + 1)
    assert float(unidl.to_numpy(gradient["rest"][0])) == 1.0
    np.testing.assert_allclose(unidl.to_numpy(gradient["rest"][1]), 0 * X)


def test_what_the_value_does_not_depend_on_has_gradient_zero(backend: str) -> None:
    with unidl.using(backend):
        gradients = unidl.grad(lambda xs: ops.sum(xs[0]))((X, X))
        alone = unidl.grad(lambda x: ops.sum(ops.ones((2,))))(X)
    np.testing.assert_allclose(unidl.to_numpy(gradients[1]), 0 * X)
    np.testing.assert_allclose(unidl.to_numpy(alone), 0 * X)


def test_aux(backend: str) -> None:
    with unidl.using(backend):
        (value, aux), gradient = unidl.value_and_grad(lambda x: (ops.sum(x), {"twice": x * 2}), has_aux=True)(X)
    assert float(unidl.to_numpy(value)) == 6.0
    np.testing.assert_allclose(unidl.to_numpy(aux["twice"]), 2 * X)
    np.testing.assert_allclose(unidl.to_numpy(gradient), np.ones(3))


def test_float64_stays(backend: str) -> None:
    with unidl.using(backend):
        gradient = unidl.grad(lambda x: ops.sum(x**3))(X.astype("float64"))
    assert unidl.to_numpy(gradient).dtype == "float64"


def test_second_derivative(backend: str) -> None:
    with unidl.using(backend):
        second = unidl.grad(lambda x: ops.sum(unidl.grad(lambda y: ops.sum(y**3))(x)))(X)
    np.testing.assert_allclose(unidl.to_numpy(second), 6 * X, rtol=1e-6)


def test_gradient_of_a_gradients_norm(backend: str) -> None:
    """The inner gradient is by x, the outer by w: a gradient penalty."""

    def penalty(w: Any, x: Any) -> Any:
        inner = unidl.grad(lambda x: ops.sum(w * x * x))(x)  # 2 w x
        return ops.sum(inner * inner)

    with unidl.using(backend):
        found = unidl.grad(penalty)(X, X + 1)
    np.testing.assert_allclose(unidl.to_numpy(found), 8 * X * (X + 1) ** 2, rtol=1e-6)


def test_native_tensors_choose_their_backend(backend: str) -> None:
    b = registry.load(backend)
    x = b.to_tensor(X)
    with unidl.using("keras" if backend == "torch" else "torch"):
        gradient = unidl.grad(lambda x: ops.sum(x * x))(x)
    assert type(gradient) is type(x)
    np.testing.assert_allclose(b.to_numpy(gradient), 2 * X)


@pytest.mark.parametrize(
    ("error", "sentence", "call"),
    [
        (ShapeError, "gradient is of a scalar", lambda: unidl.grad(lambda x: x * x)(X)),
        (ShapeError, "a float", lambda: unidl.grad(lambda x: 1.0)(X)),
        (DtypeError, "by real numbers", lambda: unidl.grad(ops.sum)(np.arange(3))),
        (ArgumentError, "needs one", lambda: unidl.grad(lambda: 1.0)()),
        (ArgumentError, "returns a pair", lambda: unidl.value_and_grad(ops.sum, has_aux=True)(X)),
    ],
)
def test_refused(backend: str, error: type[Exception], sentence: str, call: Any) -> None:
    with unidl.using(backend), pytest.raises(error, match=sentence):
        call()


def test_refused_while_a_model_is_described() -> None:
    with pytest.raises(NotPortableError, match="only being described"):
        unidl.grad(ops.sum)(symbol((2, 3)))


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own code generator uses it
def test_jit(backend: str) -> None:
    fast = unidl.jit(lambda x, y: {"sum": ops.sum(x * y), "kept": x})
    with unidl.using(backend):
        found = fast(X, y=X)
    assert float(unidl.to_numpy(found["sum"])) == 14.0
    np.testing.assert_allclose(unidl.to_numpy(found["kept"]), X)


@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own code generator uses it
def test_jit_of_a_gradient(backend: str) -> None:
    fast = unidl.jit(unidl.value_and_grad(lambda x: ops.sum(x**3)))
    with unidl.using(backend):
        value, gradient = fast(X)
    assert float(unidl.to_numpy(value)) == 36.0
    np.testing.assert_allclose(unidl.to_numpy(gradient), 3 * X**2, rtol=1e-6)


def test_of_a_model(backend: str) -> None:
    """A dict of path -> gradient in canonical layout, frozen layers left out; the same numbers as NumPy's."""
    model = unidl.Sequential([layers.Dense(2, use_bias=False), layers.Dense(1, name="head")])
    model.build((3,), backend=backend, precision="float64")
    batch = np.stack([X, X - 2.5]).astype("float64")
    value, gradient = unidl.value_and_grad(lambda x: ops.sum(model(x)), of=model)(batch)
    weights = model.weights()
    hidden = batch @ weights["dense/kernel"]
    right = {
        "dense/kernel": batch.sum(0)[:, None] * weights["head/kernel"].T,
        "head/kernel": hidden.sum(0)[:, None],
        "head/bias": np.array([2.0]),
    }
    np.testing.assert_allclose(unidl.to_numpy(value), (hidden @ weights["head/kernel"]).sum(), rtol=1e-10)
    assert gradient.keys() == right.keys()
    for path, wanted in right.items():
        np.testing.assert_allclose(unidl.to_numpy(gradient[path]), wanted, rtol=1e-10, err_msg=path)
    model.freeze("head")
    assert unidl.grad(lambda x: ops.sum(model(x)), of=model)(batch).keys() == {"dense/kernel"}


def test_the_largest_take_the_gradient(backend):
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, 4.0]], "float32")
    with unidl.using(backend):
        gradient = unidl.grad(lambda x: ops.sum(ops.top_k(x, 2)[0]))(x)
    np.testing.assert_array_equal(unidl.to_numpy(gradient), [[1, 0, 1], [0, 1, 1]])

"""Control flow and stopped or own gradients: eager, with gradients, inside each framework's program, and while described."""

from typing import Any

import numpy as np
import pytest

import unidl
from tests.ops.case import symbol
from tests.ops.program import RUN
from unidl import ops
from unidl.backends import registry
from unidl.errors import ArgumentError, DtypeError, ShapeError
from unidl.graph.node import leaves

X = np.array([[1.0, -2.0, 3.0], [0.5, 4.0, -1.0]], "float32")


def on(backend: str, function: Any, *arrays: np.ndarray) -> list[np.ndarray]:
    """The results of a function of tensors, eager."""
    b = registry.load(backend)
    with unidl.using(backend):
        return [b.to_numpy(t) for t in leaves(function(*(b.to_tensor(a) for a in arrays)))]


def within(backend: str, function: Any, *arrays: np.ndarray) -> list[np.ndarray]:
    """The same inside the framework's program, its batch axis free."""
    b = registry.load(backend)
    return [b.to_numpy(t) for t in leaves(RUN[backend](lambda *ts: list(leaves(function(*ts))), list(arrays)))]


def branch(x: Any) -> Any:
    return ops.cond(ops.sum(x) > 0, lambda x: (x * 2, ops.sum(x)), lambda x: (-x, ops.mean(x)), (x,))


def doubled(x: Any) -> Any:
    """Doubled until the sum exceeds 100."""
    return ops.while_loop(lambda n, x: ops.sum(x) < 100, lambda n, x: (n + 1, x * 2), (0, x))


def running_sum(x: Any, reverse: bool = False) -> Any:
    """Sums and products along axis 1; the carry is a nest, the output another."""

    def step(carry: Any, x: Any) -> Any:
        carry = {"sum": carry["sum"] + x, "count": carry["count"] + 1}
        return carry, (carry["sum"], x * x)

    return ops.scan(step, {"sum": ops.zeros_like(x[:, 0]), "count": 0}, x, reverse=reverse, axis=1)


def wanted_sum(x: np.ndarray, reverse: bool = False) -> list[np.ndarray]:
    turned = x[:, ::-1] if reverse else x
    sums = np.cumsum(turned, 1)
    return [x.sum(1), np.array(3), sums[:, ::-1] if reverse else sums, x * x]


@pytest.mark.parametrize("run", [on, within])
@pytest.mark.parametrize("sign", [1, -1])
def test_cond(backend: str, run: Any, sign: int) -> None:
    x = sign * X
    for found, right in zip(run(backend, branch, x), [2 * x, x.sum()] if sign > 0 else [-x, x.mean()], strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6)


@pytest.mark.parametrize("run", [on, within])
def test_while_loop(backend: str, run: Any) -> None:
    count, x = run(backend, doubled, X)
    assert count == 5
    np.testing.assert_allclose(x, X * 32)


def test_while_loop_ends_after_max_iterations(backend: str) -> None:
    count, x = on(backend, lambda x: ops.while_loop(lambda n, x: n < 9, lambda n, x: (n + 1, x * 2), (0, x), 2), X)
    assert count == 2
    np.testing.assert_allclose(x, X * 4)


def test_while_loop_of_one_tensor(backend: str) -> None:
    (x,) = on(backend, lambda x: ops.while_loop(lambda x: ops.sum(x) < 20, lambda x: x * 2, x), X)
    np.testing.assert_allclose(x, X * 4)


@pytest.mark.parametrize("run", [on, within])
@pytest.mark.parametrize("reverse", [False, True])
def test_scan(backend: str, run: Any, reverse: bool) -> None:
    found = run(backend, lambda x: running_sum(x, reverse), X)
    for array, right in zip(found, wanted_sum(X, reverse), strict=True):
        np.testing.assert_allclose(array, right, rtol=1e-6)


def test_scan_over_nothing(backend: str) -> None:
    last, outputs = on(backend, lambda x: ops.scan(lambda c, x: (c + x, c * x), ops.zeros_like(X[0]), x), X[:0])
    assert (last.tolist(), outputs.shape) == ([0.0, 0.0, 0.0], (0, 3))


def test_scan_over_an_unknown_length() -> None:
    import tensorflow as tf

    function = tf.function(lambda x: ops.scan(lambda c, x: (c + x, c), 0.0, x), input_signature=[tf.TensorSpec([None])])
    for x in (X[0], X.reshape(-1)):
        last, outputs = function(x)
        np.testing.assert_allclose(last, x.sum(), rtol=1e-6)
        np.testing.assert_allclose(outputs, np.cumsum(x) - x, rtol=1e-6)


def geometric(x: Any) -> Any:
    """Σ over t of c[t], with c[t] = c[t-1] · x[t] + 1: its gradient needs every step."""
    _, outputs = ops.scan(lambda c, x: (c * x + 1.0, c * x + 1.0), ops.ones_like(x[0]), x)
    return ops.sum(outputs)


def numeric(function: Any, x: np.ndarray, step: float = 1e-6) -> np.ndarray:
    moves = [step * np.eye(x.size)[i].reshape(x.shape) for i in range(x.size)]
    return np.array([(function(x + m) - function(x - m)) / (2 * step) for m in moves]).reshape(x.shape)


def geometric_in_numpy(x: np.ndarray) -> float:
    carry, total = np.ones(x.shape[1:]), 0.0
    for row in x:
        carry = carry * row + 1
        total += carry.sum()
    return total


def test_gradient_of_scan(backend: str) -> None:
    (found,) = on(backend, unidl.grad(geometric), X.astype("float64"))
    np.testing.assert_allclose(found, numeric(geometric_in_numpy, X.astype("float64")), rtol=1e-6)


@pytest.mark.parametrize(("sign", "right"), [(1, 6.0), (-1, -3.0)])
def test_gradient_of_cond(backend: str, sign: int, right: float) -> None:
    function = unidl.grad(lambda x: 3.0 * ops.sum(ops.cond(ops.sum(x) > 0, lambda x: x * 2.0, lambda x: -x, (x,))))
    np.testing.assert_allclose(on(backend, function, sign * X)[0], np.full(X.shape, right))


def test_gradient_of_while_loop(backend: str) -> None:
    (found,) = on(backend, unidl.grad(lambda x: ops.sum(doubled(x)[1])), X)
    np.testing.assert_allclose(found, np.full(X.shape, 32.0))


# -- gradients of one's own --------------------------------------------------------------------------------------------------


@ops.custom_gradient
def both(x: Any, y: Any) -> Any:
    """The product and the sum; the gradients are made up, so that they can be told from the true ones."""
    return (x * y, x + y), lambda d_product, d_sum: (10.0 * d_product, 100.0 * d_sum)


@ops.custom_gradient
def clipped(x: Any) -> Any:
    return x, lambda dy: ops.clip(dy, -1.0, 1.0)


@ops.custom_gradient
def through_the_closure(x: Any) -> Any:
    y = ops.exp(x)
    return y, lambda dy: dy * y * 2.0  # the forward's own tensor


def test_own_gradient(backend: str) -> None:
    def value(x: Any, y: Any) -> Any:
        product, total = both(x, y)
        return ops.sum(product) + ops.sum(total)

    np.testing.assert_allclose(on(backend, unidl.grad(value), X, X)[0], np.full(X.shape, 10.0))
    np.testing.assert_allclose(on(backend, unidl.grad(lambda y, x: value(x, y)), X, X)[0], np.full(X.shape, 100.0))
    np.testing.assert_allclose(on(backend, unidl.grad(lambda x: ops.sum(5.0 * clipped(x))), X)[0], np.ones(X.shape))
    np.testing.assert_allclose(on(backend, clipped, X)[0], X)
    found = on(backend, unidl.grad(lambda x: ops.sum(through_the_closure(x))), X)[0]
    np.testing.assert_allclose(found, 2 * np.exp(X), rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch says it of its own tracer
def test_own_gradient_in_a_program(backend: str) -> None:
    np.testing.assert_allclose(within(backend, through_the_closure, X)[0], np.exp(X), rtol=1e-6)
    for found, right in zip(within(backend, both, X, X), [X * X, X + X], strict=True):
        np.testing.assert_allclose(found, right, rtol=1e-6)


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")  # torch says it of its own tracer
@pytest.mark.filterwarnings("ignore:.*script_method.*:DeprecationWarning")  # torch's own code generator uses it
def test_own_gradient_under_jit(backend: str) -> None:
    if backend == "torch":
        import torch

        torch.compiler.reset()
        x = torch.tensor(X, requires_grad=True)
        torch.compile(lambda x: through_the_closure(x).sum(), fullgraph=True, backend="aot_eager")(x).backward()
        found = x.grad.numpy()
    else:
        found = on(backend, unidl.jit(unidl.grad(lambda x: ops.sum(through_the_closure(x)))), X)[0]
    np.testing.assert_allclose(found, 2 * np.exp(X), rtol=1e-6)


def test_stop_gradient(backend: str) -> None:
    np.testing.assert_allclose(on(backend, unidl.grad(lambda x: ops.sum(x * ops.stop_gradient(x))), X)[0], X)


def test_no_gradient_where_backward_says_none(backend: str) -> None:
    first = ops.custom_gradient(lambda x, y: (x * y, lambda dy: (dy, None)))
    np.testing.assert_allclose(on(backend, unidl.grad(lambda y, x: ops.sum(first(x, y))), X, X)[0], np.zeros(X.shape))


def test_a_backward_of_the_wrong_count_is_refused(backend: str) -> None:
    wrong = ops.custom_gradient(lambda x, y: (x * y, lambda dy: dy))
    with pytest.raises(ArgumentError, match="one gradient for each input"):
        on(backend, unidl.grad(lambda x: ops.sum(wrong(x, x))), X)


# -- while a model is described ----------------------------------------------------------------------------------------------


def test_rules() -> None:
    x = symbol((None, 3))
    assert [t.shape for t in branch(x)] == [(None, 3), ()]
    assert [(t.shape, t.dtype) for t in doubled(x)] == [((), "int64"), ((None, 3), "float32")]
    carry, outputs = running_sum(x)
    assert {name: t.shape for name, t in carry.items()} == {"sum": (None,), "count": ()}
    assert [t.shape for t in outputs] == [(None, 3), (None, 3)]
    assert [t.shape for t in both(x, x)] == [(None, 3), (None, 3)]
    assert ops.stop_gradient(x).shape == (None, 3)


REFUSED = [
    (ShapeError, "true branch and the false branch differ in shape", lambda x: ops.cond(ops.sum(x) > 0, lambda x: x, lambda x: x[0], (x,))),
    (DtypeError, "true branch and the false branch differ in dtype",
     lambda x: ops.cond(ops.sum(x) > 0, lambda x: x, lambda x: ops.cast(x, "int32"), (x,))),
    (ArgumentError, "differ in structure", lambda x: ops.cond(ops.sum(x) > 0, lambda x: x, lambda x: (x, x), (x,))),
    (ArgumentError, "false branch returned a NoneType", lambda x: ops.cond(ops.sum(x) > 0, lambda x: x, lambda x: None, (x,))),
    (ShapeError, "predicate of ops.cond must be a scalar", lambda x: ops.cond(x > 0, lambda x: x, lambda x: x, (x,))),
    (DtypeError, "predicate of ops.cond must be bool", lambda x: ops.cond(ops.sum(x), lambda x: x, lambda x: x, (x,))),
    (ShapeError, "state after the body", lambda x: ops.while_loop(lambda x: ops.sum(x) < 1, lambda x: ops.concatenate([x, x], 1), x)),
    (DtypeError, "condition of ops.while_loop must be bool", lambda x: ops.while_loop(ops.sum, lambda x: x, x)),
    (ShapeError, "carry after the step", lambda x: ops.scan(lambda c, x: (x, x), 0.0, x)),
    (DtypeError, "carry after the step", lambda x: ops.scan(lambda c, x: (c + 1, x), 0, x) and ops.scan(lambda c, x: (1.0, x), 0, x)),
    (ArgumentError, "step of ops.scan returned something else", lambda x: ops.scan(lambda c, x: c, 0.0, x)),
    (ShapeError, "tensors of one length", lambda x: ops.scan(lambda c, x: (c, c), 0.0, (x, x[:, :2]), axis=1)),
    (ArgumentError, "decorated with ops.custom_gradient", lambda x: ops.custom_gradient(lambda x: x)(x)),
    (ShapeError, "Gradient 0 of the backward function", lambda x: ops.custom_gradient(lambda x: (x, lambda dy: dy[0]))(x)),
]  # fmt: skip


@pytest.mark.parametrize(("error", "sentence", "function"), REFUSED, ids=[sentence for _, sentence, _ in REFUSED])
def test_refused_while_described(error: type[Exception], sentence: str, function: Any) -> None:
    with pytest.raises(error, match=sentence):
        function(symbol((None, 3)))

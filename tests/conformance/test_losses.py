"""Losses and metrics on every backend, against NumPy: values, gradients by the predictions, ties and extremes."""

import numpy as np
import pytest

import unidl
from tests.conformance.inputs import integers, normal, ties
from tests.conformance.oracles import softmax
from unidl import losses, metrics
from unidl.backends import registry


def distribution(*shape):
    """Probabilities over the last axis."""
    return softmax(normal(*shape)).astype("float32").astype("float64")


def cross_entropy(targets, predictions, *, from_logits=True, label_smoothing=0.0):
    """The mean of -sum q log p."""
    classes = predictions.shape[-1]
    q = targets if targets.dtype.kind == "f" else np.eye(classes)[targets]
    q = q * (1 - label_smoothing) + label_smoothing / classes
    top = predictions.max(-1, keepdims=True)
    if from_logits:
        log_p = predictions - top - np.log(np.exp(predictions - top).sum(-1, keepdims=True))
    else:
        log_p = np.log(np.clip(predictions, 1e-7, 1))
    return -(q * log_p).sum(-1).mean()


def squares(targets, predictions):
    """The mean square."""
    return ((targets - predictions) ** 2).mean()


# name -> loss, its arguments, targets, predictions, oracle
LOSSES = {
    "class numbers": (losses.CrossEntropy, {}, integers(5, 4), normal(4, 5), cross_entropy),
    "small class numbers": (losses.CrossEntropy, {}, integers(5, 4, dtype="uint8"), normal(4, 5), cross_entropy),
    "probabilities": (losses.CrossEntropy, {}, distribution(4, 5), normal(4, 5, seed=1), cross_entropy),
    "class numbers, smoothed": (
        losses.CrossEntropy,
        {"label_smoothing": 0.1},
        integers(5, 4),
        normal(4, 5),
        cross_entropy,
    ),
    "probabilities, smoothed": (
        losses.CrossEntropy,
        {"label_smoothing": 0.3},
        distribution(4, 5),
        normal(4, 5, seed=1),
        cross_entropy,
    ),
    "places": (losses.CrossEntropy, {}, integers(5, 3, 2), normal(3, 2, 5), cross_entropy),
    "from probabilities": (
        losses.CrossEntropy,
        {"from_logits": False},
        integers(5, 4),
        distribution(4, 5),
        cross_entropy,
    ),
    "equal logits": (losses.CrossEntropy, {}, integers(5, 4), np.zeros((4, 5)), cross_entropy),
    "large logits": (losses.CrossEntropy, {}, integers(5, 4), normal(4, 5) * 200, cross_entropy),
    "mse": (losses.MSE, {}, normal(4, 3), normal(4, 3, seed=1), squares),
    "mse, places": (losses.MSE, {}, normal(4, 3, 2), normal(4, 3, 2, seed=1), squares),
    "mse, integer targets": (losses.MSE, {}, integers(5, 4, 3), normal(4, 3), squares),
    "mse, nothing wrong": (losses.MSE, {}, normal(4, 3), normal(4, 3), squares),
}


def slope(function, x, step=1e-6):
    """The gradient, by central differences."""
    gradient = np.zeros_like(x)
    for place in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[place] += step
        down[place] -= step
        gradient[place] = (function(up) - function(down)) / (2 * step)
    return gradient


@pytest.mark.parametrize(("precision", "tolerance"), [("float64", 1e-10), ("float32", 1e-5)])
@pytest.mark.parametrize("name", LOSSES)
def test_loss(name, precision, tolerance, backend):
    cls, arguments, targets, predictions, oracle = LOSSES[name]
    chosen = registry.load(backend)
    floating = precision if targets.dtype.kind == "f" else None
    y, p = chosen.to_tensor(targets, dtype=floating), chosen.to_tensor(predictions, dtype=precision)
    loss = cls(**arguments)
    with unidl.using(backend):
        value, (gradient,) = chosen.value_and_grad(lambda p: loss(y, p), (p,), {}, [p])
    expected = oracle(targets, predictions, **arguments)
    assert chosen.to_numpy(value).dtype == precision
    np.testing.assert_allclose(chosen.to_numpy(value), expected, rtol=tolerance, atol=tolerance)
    by_differences = slope(lambda p: oracle(targets, p, **arguments), predictions)
    np.testing.assert_allclose(chosen.to_numpy(gradient), by_differences, rtol=0, atol=max(tolerance, 1e-7))


METRICS = {
    "class numbers": (integers(3, 9), normal(9, 3)),
    "class numbers, ties": (integers(3, 9), ties(9, 3)),
    "probabilities": (distribution(9, 3), normal(9, 3, seed=1)),
    "places": (integers(3, 9, 2), ties(9, 2, 3)),
}


@pytest.mark.parametrize("name", METRICS)
def test_accuracy(name, backend):
    targets, predictions = METRICS[name]
    chosen = registry.load(backend)
    metric = metrics.Accuracy()
    state = {key: chosen.to_tensor(value) for key, value in metric.initial().items()}
    for part in (slice(0, 4), slice(4, 8), slice(8, 9)):  # the last batch is smaller
        state = metric.update(state, chosen.to_tensor(targets[part]), chosen.to_tensor(predictions[part], "float32"))
    truth = targets if targets.dtype.kind == "i" else targets.argmax(-1)
    result = metric.result({key: chosen.to_numpy(value) for key, value in state.items()})
    assert result == (predictions.argmax(-1) == truth).mean()


def test_a_function_as_a_metric_is_weighted_by_the_batch(backend):
    chosen = registry.load(backend)
    metric = metrics.get(lambda targets, predictions: unidl.ops.mean(targets - predictions))
    state = {key: chosen.to_tensor(value) for key, value in metric.initial().items()}
    targets, predictions = normal(9, 3), normal(9, 3, seed=1)
    for part in (slice(0, 4), slice(4, 8), slice(8, 9)):
        state = metric.update(
            state, chosen.to_tensor(targets[part], "float32"), chosen.to_tensor(predictions[part], "float32")
        )
    result = metric.result({key: chosen.to_numpy(value) for key, value in state.items()})
    assert result == pytest.approx((targets - predictions).mean(), abs=1e-6)

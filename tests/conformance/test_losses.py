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


def mean(function):
    """An oracle: the mean of a function of targets and predictions."""
    return lambda targets, predictions, **arguments: np.mean(
        function(targets.astype("float64"), predictions, **arguments)
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def huber(t, p, delta=1.0):
    d = np.abs(t - p)
    return np.where(d <= delta, d**2 / 2, delta * (d - delta / 2))


def cosines(t, p):
    return (
        -(t * p).sum(-1) / np.maximum(np.linalg.norm(t, axis=-1), 1e-8) / np.maximum(np.linalg.norm(p, axis=-1), 1e-8)
    )


def divergence(t, p, from_logits=True):
    q = softmax(p) if from_logits else np.clip(p, 1e-7, 1)
    return (t * (np.log(np.where(t > 0, t, 1)) - np.log(q))).sum(-1)


def margin(t, p):
    return np.maximum(1 - np.where(t > 0, 1, -1) * p, 0)


def class_margin(t, p):
    q = t if t.shape == p.shape else np.eye(p.shape[-1])[t.astype("int64")]
    return np.maximum(0, 1 + ((1 - q) * p).max(-1) - (q * p).sum(-1))


def binary_focal(t, p, gamma=2.0, alpha=None, from_logits=True):
    p = sigmoid(p) if from_logits else np.clip(p, 1e-7, 1 - 1e-7)
    bce = -(t * np.log(p) + (1 - t) * np.log1p(-p))
    weight = 1.0 if alpha is None else t * alpha + (1 - t) * (1 - alpha)
    return weight * (t * (1 - p) + (1 - t) * p) ** gamma * bce


def focal(t, p, gamma=2.0, alpha=1.0, from_logits=True):
    q = t if t.shape == p.shape else np.eye(p.shape[-1])[t.astype("int64")]
    p = softmax(p) if from_logits else np.clip(p, 1e-7, 1)
    return -alpha * (q * (1 - p) ** gamma * np.log(p)).sum(-1)


def tversky(t, p, alpha=0.5, beta=0.5, smooth=1e-7, from_logits=True):
    p, axes = (sigmoid(p) if from_logits else p), tuple(range(1, t.ndim))
    both = (t * p).sum(axes)
    return 1 - (both + smooth) / (both + alpha * ((1 - t) * p).sum(axes) + beta * (t * (1 - p)).sum(axes) + smooth)


def dice(t, p, smooth=1e-7, from_logits=True):
    return tversky(t, p, smooth=smooth / 2, from_logits=from_logits)


ANSWERS = integers(2, 4, 3)
POSITIVE = np.abs(normal(4, 3, seed=1)) + 0.1

# name -> loss, its arguments, targets, predictions, oracle
LOSSES = {
    "mae": (losses.MAE, {}, normal(4, 3), normal(4, 3, seed=1), mean(lambda t, p: np.abs(t - p))),
    "mape": (losses.MAPE, {}, normal(4, 3), normal(4, 3, seed=1), mean(lambda t, p: 100 * np.abs((t - p) / t))),
    "msle": (
        losses.MSLE,
        {},
        integers(5, 4, 3),
        POSITIVE,
        mean(lambda t, p: (np.log1p(np.maximum(t, 1e-7)) - np.log1p(p)) ** 2),
    ),
    "huber": (losses.Huber, {}, 2 * normal(4, 3), normal(4, 3, seed=1), mean(huber)),
    "huber, delta": (losses.Huber, {"delta": 0.5}, normal(4, 3), normal(4, 3, seed=1), mean(huber)),
    "log_cosh": (losses.LogCosh, {}, normal(4, 3), normal(4, 3, seed=1), mean(lambda t, p: np.log(np.cosh(p - t)))),
    "log_cosh, far": (
        losses.LogCosh,
        {},
        normal(4, 3),
        normal(4, 3, seed=1) * 500,
        mean(lambda t, p: np.logaddexp(p - t, t - p) - np.log(2)),
    ),
    "poisson": (losses.Poisson, {}, integers(5, 4, 3), normal(4, 3), mean(lambda t, p: np.exp(p) - t * p)),
    "poisson, rates": (
        losses.Poisson,
        {"log_input": False},
        integers(5, 4, 3),
        POSITIVE,
        mean(lambda t, p, log_input: p - t * np.log(p + 1e-7)),
    ),
    "cosine": (losses.CosineSimilarity, {}, normal(4, 3), normal(4, 3, seed=1), mean(cosines)),
    "cosine, a vector of zeros": (losses.CosineSimilarity, {}, np.eye(4)[:, :3], normal(4, 3, seed=1), mean(cosines)),
    "kl": (losses.KLDivergence, {}, distribution(4, 3), normal(4, 3, seed=1), mean(divergence)),
    "kl, one-hot, places": (losses.KLDivergence, {}, np.eye(3)[integers(3, 4, 2)], normal(4, 2, 3), mean(divergence)),
    "kl, probabilities": (
        losses.KLDivergence,
        {"from_logits": False},
        distribution(4, 3),
        softmax(normal(4, 3, seed=1)),
        mean(divergence),
    ),
    "hinge": (losses.Hinge, {}, ANSWERS, normal(4, 3), mean(margin)),
    "hinge, signs": (losses.Hinge, {}, 2.0 * ANSWERS - 1.0, normal(4, 3), mean(margin)),
    "squared hinge": (losses.SquaredHinge, {}, ANSWERS, normal(4, 3), mean(lambda t, p: margin(t, p) ** 2)),
    "categorical hinge": (losses.CategoricalHinge, {}, integers(5, 4), normal(4, 5), mean(class_margin)),
    "categorical hinge, one-hot": (
        losses.CategoricalHinge,
        {},
        np.eye(5)[integers(5, 4)],
        normal(4, 5),
        mean(class_margin),
    ),
    "binary focal": (losses.BinaryFocalCrossEntropy, {}, ANSWERS, normal(4, 3), mean(binary_focal)),
    "binary focal, alpha": (
        losses.BinaryFocalCrossEntropy,
        {"gamma": 1.5, "alpha": 0.25},
        ANSWERS,
        normal(4, 3),
        mean(binary_focal),
    ),
    "binary focal, gamma 0, soft": (
        losses.BinaryFocalCrossEntropy,
        {"gamma": 0.0},
        sigmoid(normal(4, 3)),
        normal(4, 3),
        mean(binary_focal),
    ),
    "binary focal, probabilities": (
        losses.BinaryFocalCrossEntropy,
        {"from_logits": False},
        ANSWERS,
        sigmoid(normal(4, 3)),
        mean(binary_focal),
    ),
    "focal": (losses.FocalCrossEntropy, {}, integers(5, 4), normal(4, 5), mean(focal)),
    "focal, soft": (
        losses.FocalCrossEntropy,
        {"gamma": 1.5, "alpha": 0.25},
        distribution(4, 5),
        normal(4, 5, seed=1),
        mean(focal),
    ),
    "focal, gamma 0": (losses.FocalCrossEntropy, {"gamma": 0.0}, integers(5, 4), normal(4, 5), mean(focal)),
    "focal, probabilities": (
        losses.FocalCrossEntropy,
        {"from_logits": False},
        integers(5, 4),
        distribution(4, 5),
        mean(focal),
    ),
    "tversky": (
        losses.Tversky,
        {"alpha": 0.3, "beta": 0.7, "smooth": 1.0},
        integers(2, 4, 3, 2),
        normal(4, 3, 2),
        mean(tversky),
    ),
    "tversky, probabilities": (losses.Tversky, {"from_logits": False}, ANSWERS, sigmoid(normal(4, 3)), mean(tversky)),
    "dice": (losses.Dice, {}, integers(2, 4, 3, 2), normal(4, 3, 2), mean(dice)),
    "dice, smooth": (losses.Dice, {"smooth": 1.0}, ANSWERS, normal(4, 3), mean(dice)),
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


def test_every_loss_is_a_case():
    missing = {
        name for name, value in vars(losses).items() if isinstance(value, type) and issubclass(value, losses.Loss)
    }
    missing -= {"Loss", "BinaryCrossEntropy"}  # the base; tests/training/test_targets.py has the other's cases
    assert missing == {case[0].__name__ for case in LOSSES.values()}


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
    scale = max(1.0, np.abs(by_differences).max())  # of a percentage the gradient is large
    np.testing.assert_allclose(chosen.to_numpy(gradient), by_differences, rtol=0, atol=max(tolerance, 1e-7) * scale)


# the case, and what torch and Keras have of equal meaning, as functions of (predictions, targets)
SAME = {
    "mae": ("l1_loss", "MeanAbsoluteError"),
    "mape": (None, "MeanAbsolutePercentageError"),
    "msle": (None, "MeanSquaredLogarithmicError"),
    "huber": ("huber_loss", "Huber"),
    "log_cosh": (None, "LogCosh"),
    "poisson": ("poisson_nll_loss", None),
    "poisson, rates": (None, "Poisson"),
    "cosine": (None, "CosineSimilarity"),
    "hinge": (None, "Hinge"),
    "hinge, signs": (None, "Hinge"),
    "squared hinge": (None, "SquaredHinge"),
    "categorical hinge, one-hot": (None, "CategoricalHinge"),
    "kl, probabilities": (None, "KLDivergence"),
    "binary focal, probabilities": (None, "BinaryFocalCrossentropy"),
}


@pytest.mark.parametrize("name", SAME)
def test_the_frameworks_compute_the_same(name):
    keras, torch = pytest.importorskip("keras"), pytest.importorskip("torch")
    cls, arguments, targets, predictions, _ = LOSSES[name]
    y, p = targets.astype("float32"), predictions.astype("float32")
    with unidl.using("torch"):
        ours = float(unidl.to_numpy(cls(**arguments)(y, p)))
    of_torch, of_keras = SAME[name]
    if of_torch:
        theirs = getattr(torch.nn.functional, of_torch)(torch.tensor(p), torch.tensor(y))
        assert ours == pytest.approx(float(theirs), rel=1e-5)
    if of_keras:
        assert ours == pytest.approx(float(getattr(keras.losses, of_keras)()(y, p)), rel=1e-5)


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

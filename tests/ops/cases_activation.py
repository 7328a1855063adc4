"""Cases of activations."""

import math

import numpy as np

from tests.ops.case import Case

rng = np.random.default_rng(2)
X = np.concatenate([rng.normal(size=(3, 4)), np.array([[-30.0, -7.3, 7.3, 30.0]])])
CUBE = rng.normal(size=(2, 3, 4))
FAR = np.array([-1000.0, 1000.0])
LABELS = rng.integers(0, 4, (2, 3))
ZERO = np.zeros(1)

erf = np.vectorize(math.erf, otypes=[float])


def sigmoid(x):
    return np.where(x > 0, 1 / (1 + np.exp(-np.abs(x))), np.exp(-np.abs(x)) / (1 + np.exp(-np.abs(x))))


def softplus(x):
    return np.logaddexp(x, 0)


def elu(x, alpha=1.0):
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def entropy(x, labels):
    return -np.take_along_axis(x - logsumexp(x, -1, True), labels[..., None].astype("int64"), -1)[..., 0]


def some_entropy(x, labels, ignore_index, mean=False):
    counts = labels != ignore_index
    loss = np.where(counts, entropy(x, np.where(counts, labels, 0)), 0.0)
    return loss.sum() / max(counts.sum(), 1) if mean else loss


def likelihood(log_p, labels, ignore_index=None):
    counts = labels != (10**9 if ignore_index is None else ignore_index)
    picked = np.take_along_axis(log_p, np.where(counts, labels, 0)[..., None].astype("int64"), -1)[..., 0]
    return np.where(counts, -picked, 0.0)


def binary_entropy(x, q, mean=False):
    loss = q * softplus(-x) + (1 - q) * softplus(x)
    return loss.mean() if mean else loss


def logsumexp(x, axis=None, keepdims=False):
    top = x.max()
    return np.log(np.exp(x - top).sum(axis, keepdims=keepdims)) + top


def hard_sigmoid(x):
    return np.clip(x + 3, 0, 6) / 6


CASES = [
    Case("relu", (X,), lambda x: np.maximum(x, 0)),
    Case("relu6", (X,), lambda x: np.clip(x, 0, 6)),
    Case("leaky_relu", (X,), lambda x: np.where(x > 0, x, 0.01 * x)),
    Case("leaky_relu", (X,), lambda x, slope: np.where(x > 0, x, slope * x), {"slope": 0.3}),
    Case("elu", (X,), elu),
    Case("elu", (X,), elu, {"alpha": 0.5}),
    Case("selu", (X,), lambda x: 1.0507009873554804934193349852946 * elu(x, 1.6732632423543772848170429916717)),
    Case("gelu", (X,), lambda x: 0.5 * x * (1 + erf(x / np.sqrt(2)))),
    Case("gelu_tanh", (X,), lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))),
    Case("sigmoid", (X,), sigmoid),
    Case("hard_sigmoid", (X,), hard_sigmoid),
    Case("softplus", (X,), softplus),
    Case("log_sigmoid", (X,), lambda x: -softplus(-x)),
    Case("softsign", (X,), lambda x: x / (1 + np.abs(x))),
    Case("silu", (X,), lambda x: x * sigmoid(x)),
    Case("hard_silu", (X,), lambda x: x * hard_sigmoid(x)),
    Case("mish", (X,), lambda x: x * np.tanh(softplus(x))),
    Case("softmax", (CUBE,), softmax),
    Case("softmax", (CUBE,), softmax, {"axis": 1}),
    Case("log_softmax", (CUBE,), lambda x: np.log(softmax(x))),
    Case("log_softmax", (CUBE,), lambda x, axis: np.log(softmax(x, axis)), {"axis": 0}),
    Case("logsumexp", (CUBE,), logsumexp),
    Case("logsumexp", (CUBE,), logsumexp, {"axis": 1}),
    Case("logsumexp", (CUBE,), logsumexp, {"axis": (0, 2), "keepdims": True}),
    # kinks, and where a naive form overflows
    Case("relu", (ZERO,), lambda x: x, gradient=[ZERO], note="at 0"),
    Case("relu6", (np.array([0.0, 6.0]),), lambda x: x, gradient=[np.zeros(2)], note="at its kinks"),
    Case("leaky_relu", (ZERO,), lambda x, slope: x, {"slope": 0.3}, gradient=[ZERO + 0.3], note="at 0"),
    Case("elu", (ZERO,), elu, {"alpha": 0.5}, gradient=[ZERO + 0.5], note="at 0"),
    Case("selu", (ZERO,), lambda x: x, gradient=[ZERO + 1.0507009873554805 * 1.6732632423543772], note="at 0"),
    Case("hard_sigmoid", (np.array([-3.0, 3.0]),), hard_sigmoid, gradient=[np.zeros(2)], note="at its kinks"),
    Case(
        "hard_silu",
        (np.array([-3.0, 3.0]),),
        lambda x: x * hard_sigmoid(x),
        gradient=[np.array([0.0, 1.0])],
        note="kinks",
    ),
    Case("softplus", (ZERO,), softplus, gradient=[ZERO + 0.5], note="at 0"),
    Case("log_sigmoid", (ZERO,), lambda x: -softplus(-x), gradient=[ZERO + 0.5], note="at 0"),
    Case("softsign", (ZERO,), lambda x: x, gradient=[ZERO + 1], note="at 0"),
    Case("softplus", (FAR,), softplus, gradient=[np.array([0.0, 1.0])], note="far out"),
    Case("log_sigmoid", (FAR,), lambda x: -softplus(-x), gradient=[np.array([1.0, 0.0])], note="far out"),
    Case("elu", (FAR,), elu, gradient=[np.array([0.0, 1.0])], note="far out"),
    Case("mish", (FAR,), lambda x: np.maximum(x, 0), gradient=[np.array([0.0, 1.0])], note="far out"),
    Case("silu", (FAR,), lambda x: np.maximum(x, 0), gradient=[np.array([0.0, 1.0])], note="far out"),
    Case("mean_squared_error", (CUBE, CUBE[::-1] * 2), lambda x, y: ((x - y) ** 2).mean()),
    Case("mean_squared_error", (CUBE, CUBE), lambda x, y: np.zeros(()), note="at its minimum"),
    Case("softmax_cross_entropy", (CUBE, LABELS), entropy),
    Case("softmax_cross_entropy", (CUBE, LABELS), lambda x, y, mean: entropy(x, y).mean(), {"mean": True}),
    Case("softmax_cross_entropy", (CUBE[0], LABELS[0]), lambda x, y, mean: entropy(x, y).mean(), {"mean": True}),
    Case("softmax_cross_entropy", (CUBE, LABELS.astype("int32")), entropy, note="int32"),
    Case(
        "softmax_cross_entropy",
        (FAR, np.array(0)),
        lambda x, y: np.array(2000.0),
        gradient=[np.array([-1.0, 1.0])],
        note="far out",
    ),
    Case("softmax_cross_entropy", (CUBE, LABELS), some_entropy, {"ignore_index": 2}, note="a label left out"),
    Case(
        "softmax_cross_entropy",
        (CUBE, LABELS),
        some_entropy,
        {"ignore_index": 2, "mean": True},
        note="a label left out",
    ),
    Case(
        "softmax_cross_entropy",
        (CUBE, LABELS - 1),
        some_entropy,
        {"ignore_index": -1, "mean": True},
        note="below the classes",
    ),
    Case(
        "softmax_cross_entropy",
        (CUBE, LABELS * 0 + 255),
        some_entropy,
        {"ignore_index": 255, "mean": True},
        note="every label left out",
    ),
    Case("negative_log_likelihood", (CUBE, LABELS), likelihood),
    Case("negative_log_likelihood", (CUBE, LABELS.astype("uint8")), likelihood, note="uint8"),
    Case("negative_log_likelihood", (CUBE, LABELS - 1), likelihood, {"ignore_index": -1}, note="a label left out"),
    Case("sigmoid_cross_entropy", (CUBE, rng.uniform(size=CUBE.shape)), binary_entropy),
    Case("sigmoid_cross_entropy", (CUBE, (CUBE > 0) * 1.0), binary_entropy, {"mean": True}),
    Case(
        "sigmoid_cross_entropy",
        (FAR, np.array([0.0, 1.0])),
        lambda x, q: np.zeros(2),
        gradient=[np.zeros(2), -FAR],
        note="far out, right",
    ),
    Case(
        "sigmoid_cross_entropy",
        (FAR, np.array([1.0, 0.0])),
        lambda x, q: np.full(2, 1000.0),
        gradient=[np.array([-1.0, 1.0]), -FAR],
        note="far out, wrong",
    ),
    Case("sigmoid_cross_entropy", (ZERO, ZERO), binary_entropy, gradient=[ZERO + 0.5, ZERO], note="at 0"),
    Case("softmax", (FAR,), softmax, gradient=[np.zeros(2)], note="far out"),
    Case("log_softmax", (FAR,), lambda x: np.array([-2000.0, 0.0]), gradient=[np.array([1.0, -1.0])], note="far out"),
    Case("logsumexp", (FAR,), lambda x: np.array(1000.0), gradient=[np.array([0.0, 1.0])], note="far out"),
    Case("softmax", (np.array([1, 2]),), softmax, gradient=False, note="integers"),
]

"""The low level: a model that is two functions and a dict of tensors, from unidl.ops and unidl.value_and_grad alone.

    UNIDL_BACKEND=torch python examples/low_level.py

No layer, no Trainer, no optimizer: a perceptron with one hidden layer and gradient descent with momentum, written out.
Reached: a test accuracy near 0.93 on 1,000 of MNIST's digits, asserted: 0.90.
"""

from typing import Any

import data
import numpy as np

import unidl
from unidl import ops

EPOCHS = 10
BATCH_SIZE = 100
LEARNING_RATE = 0.1
MOMENTUM = 0.9


def initial(rng: np.random.Generator, inputs: int, hidden: int, classes: int) -> dict[str, Any]:
    """He's normal weights and zero biases, as tensors of the backend in force."""
    return {
        "w1": ops.tensor(rng.normal(0, (2 / inputs) ** 0.5, (inputs, hidden)).astype("float32")),
        "b1": ops.zeros((hidden,)),
        "w2": ops.tensor(rng.normal(0, (2 / hidden) ** 0.5, (hidden, classes)).astype("float32")),
        "b2": ops.zeros((classes,)),
    }


def network(weights: dict[str, Any], x: Any) -> Any:
    h = ops.relu(x @ weights["w1"] + weights["b1"])  # (batch, hidden)
    return h @ weights["w2"] + weights["b2"]  # (batch, classes)


def cross_entropy(weights: dict[str, Any], x: Any, y: Any) -> Any:
    log_p = ops.log_softmax(network(weights, x))  # (batch, classes)
    return -ops.mean(ops.sum(ops.one_hot(y, 10) * log_p, axis=-1))


def main() -> float:
    (x, y), (x_test, y_test) = data.mnist()
    x, x_test = x.reshape(len(x), -1), x_test.reshape(len(x_test), -1)  # (examples, 784)
    rng = np.random.default_rng(0)
    weights = initial(rng, 784, 64, 10)
    direction = {name: ops.zeros_like(value) for name, value in weights.items()}
    step = unidl.value_and_grad(cross_entropy)  # by its first argument, the dict of weights
    for epoch in range(1, EPOCHS + 1):
        losses = []
        for chosen in np.split(rng.permutation(len(x)), len(x) // BATCH_SIZE):
            loss, gradient = step(weights, x[chosen], y[chosen])
            direction = {name: MOMENTUM * direction[name] + gradient[name] for name in weights}
            weights = {name: weights[name] - LEARNING_RATE * direction[name] for name in weights}
            losses.append(loss)
        print(f"epoch {epoch}/{EPOCHS}  loss {np.mean([unidl.to_numpy(loss) for loss in losses]):.4f}")
    guesses = unidl.to_numpy(ops.argmax(network(weights, ops.tensor(x_test)), axis=-1))  # (examples,)
    accuracy = float(np.mean(guesses == y_test))
    print(f"{unidl.backend()}: test accuracy {accuracy:.3f}")
    assert accuracy >= 0.90, f"test accuracy {accuracy:.3f} is below 0.90"
    return accuracy


if __name__ == "__main__":
    main()

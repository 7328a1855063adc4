"""A network whose depth the data decides, and what each framework makes of it.

    UNIDL_BACKEND=torch python examples/dynamic_network.py

One block is repeated until the network is sure of every image it was given, six times at most: a plain `while` on tensors in
`forward`. An easy digit is read at once, a hard one is looked at again.
Reached: a test accuracy from 0.90 to 0.93 on 200 of MNIST's digits, depths from 3 to 6; asserted: 0.85, and more than one depth.
"""

from collections import Counter
from typing import Any

import data

import unidl
from unidl import layers, losses, metrics, ops, optimizers

DEEPEST = 6

WAYS = {
    "torch": "PyTorch runs forward as Python: at each turn it reads whether to go on.",
    "tensorflow": "TensorFlow's AutoGraph made the loop a node of the graph: one trace holds every depth.",
    "keras": "Keras calls forward through its adapter: on the TensorFlow engine AutoGraph makes the loop a node of the graph, "
    "on the torch engine it runs as Python.",
}


class Reader(unidl.Model):
    """Look again until sure."""

    def __init__(self) -> None:
        self.flatten = layers.Flatten()
        self.first = layers.Dense(64, activation="relu")
        self.block = layers.Dense(64, activation="relu")
        self.head = layers.Dense(10)

    def forward(self, x: Any) -> dict[str, Any]:
        """(batch, 28, 28, 1) -> logits (batch, 10) and how often it looked."""
        h = self.first(self.flatten(x))  # (batch, 64)
        logits = self.head(h)  # (batch, 10)
        depth = ops.ones((), "int64")
        while ops.logical_and(depth < DEEPEST, sureness(logits) < 0.95):
            h = h + self.block(h)  # (batch, 64)
            logits = self.head(h)  # (batch, 10)
            depth = depth + 1
        return {"logits": logits, "depth": depth}


def sureness(logits: Any) -> Any:
    """The probability of the likeliest class, of the image that is least clear: a scalar."""
    return ops.min(ops.max(ops.softmax(logits), axis=-1))


def loss(targets: Any, predictions: Any) -> Any:
    return losses.CrossEntropy()(targets, predictions["logits"])


def accuracy(targets: Any, predictions: Any) -> Any:
    return ops.equal(ops.argmax(predictions["logits"], axis=-1), targets)  # (batch,)


def main() -> float:
    (x, y), (x_test, y_test) = data.mnist()
    model = Reader().build(x.shape[1:])
    model.summary()
    for row in model.lowering():
        print(f"{row.path or 'the model':10} {row.native:24} {row.way:12} {'dynamic' if row.dynamic else ''}")
    print(WAYS[model.backend])
    trainer = unidl.Trainer(model, loss=loss, optimizer=optimizers.Adam(1e-3), metrics=[metrics.Mean(accuracy)])
    trainer.fit(x, y, epochs=8, batch_size=32)
    depths: Counter[int] = Counter()
    hits = 0
    for image, digit in zip(x_test[::5], y_test[::5], strict=True):  # 200 images, one at a time
        answer = unidl.to_numpy(model(image[None]))
        depths[int(answer["depth"])] += 1
        hits += int(answer["logits"].argmax()) == digit
    reached = hits / sum(depths.values())
    print(f"{model.backend}: test accuracy {reached:.3f}; images by depth: {dict(sorted(depths.items()))}")
    assert len(depths) > 1, "every image was read at the same depth"
    assert reached >= 0.85, f"test accuracy {reached:.3f} is below 0.85"
    return reached


if __name__ == "__main__":
    main()

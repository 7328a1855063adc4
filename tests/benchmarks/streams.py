"""Training from a stream beside the same loop by hand, by processor time. Prints JSON.

    python -m tests.benchmarks.streams BACKEND [ROUNDS]

An MLP (64-128-128-10, batch 64, Adam) is trained on 200 batches of a generator, of a torch DataLoader over a dataset of examples, and of a
tf.data.Dataset with a seeded shuffle. By hand each batch is one call of a step: in torch with a fused optimizer, elsewhere of a
tf.function with Keras' optimizer. Both read the same source; they take turns, and a row is the median of the rounds' ratios, hand / unidl.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import unidl
from unidl import layers

BATCH, BATCHES = 64, 200
RNG = np.random.default_rng(0)
X = RNG.normal(size=(BATCH * BATCHES, 64)).astype("float32")
Y = RNG.integers(0, 10, BATCH * BATCHES)


def generator() -> Any:
    """A generator function over arrays."""

    def batches() -> Iterator[Any]:
        for i in range(0, len(X), BATCH):
            yield X[i : i + BATCH], Y[i : i + BATCH]

    return batches


def loader() -> Any:
    """A torch DataLoader over single examples."""
    import torch

    dataset = torch.utils.data.TensorDataset(torch.from_numpy(X), torch.from_numpy(Y))
    return torch.utils.data.DataLoader(dataset, batch_size=BATCH, shuffle=True)


def tf_data() -> Any:
    """A tf.data.Dataset with a shuffle."""
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).shuffle(1024, seed=0).batch(BATCH).prefetch(2)


SOURCES: dict[str, Callable[[], Any]] = {"generator": generator, "DataLoader": loader, "tf.data": tf_data}


def torch_by_hand(source: Any) -> Callable[[], None]:
    """An epoch in torch."""
    import torch
    from torch import nn

    model = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.Adam(model.parameters(), fused=True)

    def epoch() -> None:
        losses = []
        for x, y in source() if callable(source) else source:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(torch.as_tensor(x)), torch.as_tensor(y))
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.stack(losses).numpy()

    return epoch


def graph_by_hand(source: Any) -> Callable[[], None]:
    """An epoch in TensorFlow: a tf.function for each batch."""
    import keras
    import tensorflow as tf

    dense = [keras.layers.Dense(n, activation=a) for n, a in ((128, "relu"), (128, "relu"), (10, None))]
    model = keras.Sequential([keras.Input((64,)), *dense])
    optimizer = keras.optimizers.Adam()

    @tf.function
    def step(x: Any, y: Any) -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(y, model(x)))
        optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
        return loss

    optimizer.build(model.trainable_variables)

    def epoch() -> None:
        losses = []
        for x, y in source() if callable(source) else source:
            losses.append(step(tf.convert_to_tensor(x), tf.convert_to_tensor(y)))
        tf.stack(losses).numpy()

    return epoch


def ours(source: Any, backend: str) -> Callable[[], None]:
    """An epoch of a Trainer."""
    model = unidl.Sequential(
        [layers.Dense(128, activation="relu"), layers.Dense(128, activation="relu"), layers.Dense(10)]
    )
    trainer = unidl.Trainer(model, "cross_entropy", backend=backend)
    trainer.fit(X[:64], Y[:64], progress=False)
    return lambda: void(trainer.fit(source, progress=False))


def void(_: object) -> None:
    """Nothing."""


def seconds(run: Callable[[], None]) -> float:
    """Processor time."""
    started = time.process_time()
    run()
    return time.process_time() - started


def main(backend: str, rounds: int) -> None:
    """All sources."""
    found = {}
    for name, make in SOURCES.items():
        by_hand, own = (torch_by_hand if backend == "torch" else graph_by_hand)(make()), ours(make(), backend)
        for run in (by_hand, own, by_hand, own):
            run()
        pairs = [(seconds(by_hand), seconds(own)) for _ in range(rounds)]
        found[name] = {
            "ratio": round(float(np.median([hand / mine for hand, mine in pairs])), 3),
            "hand_us": round(float(np.median([hand for hand, _ in pairs])) / BATCHES * 1e6),
            "unidl_us": round(float(np.median([mine for _, mine in pairs])) / BATCHES * 1e6),
        }
    print(json.dumps({"backend": backend, "rounds": rounds, "sources": found}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 15)

"""What random="portable" costs: a training step with it beside the same step without.

    python -m tests.benchmarks.portable_random BACKEND [ROUNDS]

The two sides take turns in one process, many short rounds; printed, as JSON, is the median of the ratios, portable time over native
time, with its quartiles: 1 is free. Run by run.py with one thread.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np

import unidl
from tests.benchmarks.pair import one_thread
from unidl import layers, ops, optimizers

EXAMPLES, BATCH, CLASSES = 1280, 128, 10
RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(EXAMPLES, 784)).astype("float32")
IMAGES = RNG.normal(size=(EXAMPLES, 14, 14, 3)).astype("float32")
WORDS = RNG.integers(0, 200, (EXAMPLES, 32))
Y = RNG.integers(0, CLASSES, EXAMPLES)


class Noise(unidl.Layer):
    """Normal numbers added in training."""

    def forward(self, x):
        return x + ops.random.normal(like=x) * 0.1 if self.training else x


class Block(unidl.Model):
    """Attention with dropout inside and around it."""

    def __init__(self):
        self.embedding = layers.Embedding(200, 64)
        self.attention = layers.MultiHeadAttention(4, 16, dropout=0.1)
        self.norm = layers.LayerNormalization()
        self.dropout = layers.Dropout(0.1)
        self.out = layers.Dense(CLASSES)

    def forward(self, words):
        x = self.embedding(words)  # (batch, 32, 64)
        x = self.norm(x + self.dropout(self.attention(x, causal=True)))
        return self.out(ops.mean(x, axis=1))


def mlp(between):
    parts = [part for _ in range(2) for part in (layers.Dense(256, activation="relu"), between())]
    return unidl.Sequential([*parts, layers.Dense(CLASSES)])


def cnn():
    head = [layers.Flatten(), layers.Dropout(0.5), layers.Dense(CLASSES)]
    return unidl.Sequential(
        [layers.Conv2D(16, 3, activation="relu"), layers.MaxPooling2D(2), layers.Dropout(0.2), *head]
    )


WORKLOADS = {
    "no draw": (lambda: mlp(layers.LayerNormalization), POINTS),
    "MLP, dropout": (lambda: mlp(lambda: layers.Dropout(0.3)), POINTS),
    "MLP, normal noise": (lambda: mlp(Noise), POINTS),
    "CNN, dropout": (cnn, IMAGES),
    "attention, dropout": (Block, WORDS),
}


def epoch_of(model, x, random: str, backend: str) -> Callable[[], None]:
    model.build(x[:1], backend=backend, random=random)
    trainer = unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.Adam(1e-3))
    return lambda: trainer.fit(x, Y, batch_size=BATCH, progress=False) and None


def seconds(epoch: Callable[[], None]) -> float:
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


def main(backend: str, rounds: int) -> None:
    steps = EXAMPLES // BATCH
    told = {}
    for name, (make, x) in WORKLOADS.items():
        portable, native = (epoch_of(make(), x, random, backend) for random in ("portable", "native"))
        one_thread()
        for epoch in (portable, native, portable, native):  # traces, caches
            epoch()
        pairs = [(seconds(portable), seconds(native)) for _ in range(rounds)]
        low, middle, high = np.quantile([a / b for a, b in pairs], (0.25, 0.5, 0.75))
        ours, theirs = (1000 * float(np.median(side)) / steps for side in zip(*pairs, strict=True))
        numbers = {"ratio": middle, "low": low, "high": high, "portable_ms": ours, "native_ms": theirs}
        told[name] = {key: round(float(value), 3) for key, value in numbers.items()}
    print(json.dumps({"rounds": rounds, "workloads": told}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 30)

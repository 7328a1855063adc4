"""The Trainer beside a hand-written loop in the same framework: the same data, network, loss and optimizer.

    UNIDL_BACKEND=torch python tests/benchmarks/training_step.py [ROUNDS]

The two sides take turns in one process, many short rounds; printed is the median of the ratios, hand-written time over unidl's
time, with its quartiles: above 1 unidl is faster. Beside torch stands a loop with the fused optimizer, beside TensorFlow a
`tf.function` of one step with Keras' Adam on plain variables, beside Keras `keras.Model.fit`. One thread a framework.
"""

import itertools
import os
import sys
import time
from collections.abc import Callable

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np

import unidl
from unidl import layers, optimizers

EXAMPLES, BATCH, INPUTS, CLASSES = 3840, 128, 784, 10
WIDTHS = (256, 256)

RNG = np.random.default_rng(0)
X = RNG.normal(size=(EXAMPLES, INPUTS)).astype("float32")
Y = RNG.integers(0, CLASSES, EXAMPLES)


def with_unidl(backend: str) -> Callable[[], None]:
    hidden = [layers.Dense(width, activation="relu") for width in WIDTHS]
    model = unidl.Sequential([*hidden, layers.Dense(CLASSES)]).build((INPUTS,), backend=backend)
    trainer = unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.Adam(1e-3))
    return lambda: trainer.fit(X, Y, batch_size=BATCH, progress=False) and None


def by_hand_torch() -> Callable[[], None]:
    import torch
    from torch import nn

    torch.set_num_threads(1)
    sizes = (INPUTS, *WIDTHS)
    parts = [part for a, b in zip(sizes, WIDTHS, strict=False) for part in (nn.Linear(a, b), nn.ReLU())]
    model = nn.Sequential(*parts, nn.Linear(WIDTHS[-1], CLASSES))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3, fused=True)
    x, y = torch.from_numpy(X), torch.from_numpy(Y)

    def epoch() -> None:
        losses = []
        for chosen in torch.randperm(EXAMPLES).split(BATCH):
            loss = nn.functional.cross_entropy(model(x[chosen]), y[chosen])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.detach())
        torch.stack(losses).mean().item()

    return epoch


def by_hand_tensorflow() -> Callable[[], None]:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    sizes = (INPUTS, *WIDTHS, CLASSES)
    weights = [
        (tf.Variable(tf.random.normal((a, b), stddev=a**-0.5)), tf.Variable(tf.zeros(b)))
        for a, b in itertools.pairwise(sizes)
    ]
    variables = [v for pair in weights for v in pair]
    optimizer = tf.keras.optimizers.Adam(1e-3)
    optimizer.build(variables)
    x, y = tf.constant(X), tf.constant(Y)

    @tf.function
    def step(chosen: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            h = tf.gather(x, chosen)
            for kernel, bias in weights[:-1]:
                h = tf.nn.relu(h @ kernel + bias)
            logits = h @ weights[-1][0] + weights[-1][1]
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(tf.gather(y, chosen), logits))
        optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return loss

    def epoch() -> None:
        losses = [step(chosen) for chosen in tf.split(tf.random.shuffle(tf.range(EXAMPLES)), EXAMPLES // BATCH)]
        tf.reduce_mean(tf.stack(losses)).numpy()

    return epoch


def by_hand_keras() -> Callable[[], None]:
    import keras

    model = keras.Sequential([*(keras.layers.Dense(w, activation="relu") for w in WIDTHS), keras.layers.Dense(CLASSES)])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(1e-3), loss=loss)
    return lambda: model.fit(X, Y, batch_size=BATCH, verbose=0) and None


BY_HAND = {"torch": by_hand_torch, "tensorflow": by_hand_tensorflow, "keras": by_hand_keras}


def seconds(epoch: Callable[[], None]) -> float:
    started = time.perf_counter()
    epoch()
    return time.perf_counter() - started


def main(rounds: int) -> None:
    backend = unidl.backend()
    hand, ours = BY_HAND[backend](), with_unidl(backend)
    for epoch in (hand, ours, hand, ours):  # traces, caches
        epoch()
    pairs = [(seconds(hand), seconds(ours)) for _ in range(rounds)]
    low, middle, high = np.quantile([a / b for a, b in pairs], (0.25, 0.5, 0.75))
    steps = EXAMPLES // BATCH
    by_hand, by_unidl = (1000 * float(np.median(side)) / steps for side in zip(*pairs, strict=True))
    print(
        f"{backend}: hand-written over unidl {middle:.2f} (quartiles {low:.2f} to {high:.2f}, {rounds} rounds of {steps} steps); "
        f"medians {by_hand:.2f} and {by_unidl:.2f} ms a step"
    )


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 40)

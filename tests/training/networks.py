"""Small networks without dropout, each with data that it can learn from, for tests of training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import unidl
from unidl import Input, Model, Sequential, layers

RNG = np.random.default_rng(7)


@dataclass(frozen=True)
class Job:
    """A network and what it is trained on."""

    model: Callable[[], Model]
    x: np.ndarray
    y: np.ndarray
    loss: str


def mlp():
    return Sequential([layers.Dense(16, activation="tanh"), layers.Dense(8, activation="gelu"), layers.Dense(2)])


def cnn():
    return Sequential(
        [
            layers.Conv2D(4, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.Activation("relu"),
            layers.MaxPooling2D(2),
            layers.Conv2D(6, 3, strides=2, padding="same"),
            layers.BatchNormalization(),
            layers.AveragePooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


def lstm():
    return Sequential([layers.Embedding(11, 6), layers.LSTM(8), layers.Dense(3)])


def attention():
    x = Input((7,), dtype="int64")
    embedded = layers.Embedding(11, 8)(x)  # (batch, 7, 8)
    attended = layers.MultiHeadAttention(num_heads=2, key_dim=4)(embedded, embedded)
    h = layers.LayerNormalization()(layers.Add()([embedded, attended]))
    return Model(x, layers.Dense(3)(layers.Flatten()(h)))


WORDS = RNG.integers(0, 11, (90, 7))
POINTS = RNG.normal(size=(90, 5)).astype("float32")
IMAGES = RNG.normal(size=(90, 8, 8, 2)).astype("float32")

JOBS = {
    "mlp": Job(mlp, POINTS, np.stack([POINTS.sum(1), POINTS[:, 0] ** 2], axis=1), "mse"),
    "cnn": Job(
        cnn, IMAGES, (IMAGES[:, :4].mean((1, 2, 3)) > 0).astype("int64") + (IMAGES[:, 0, 0, 0] > 1), "cross_entropy"
    ),
    "lstm": Job(lstm, WORDS, WORDS[:, 0] % 3, "cross_entropy"),
    "attention": Job(attention, WORDS, WORDS.sum(1) % 3, "cross_entropy"),
}


def trainer(job: Job, backend: str, **settings: Any) -> unidl.Trainer:
    return unidl.Trainer(job.model(), loss=job.loss, backend=backend, **settings)

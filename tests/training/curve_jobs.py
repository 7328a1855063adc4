"""Twelve small trainings with everything that draws or keeps a state, for the proof that loss curves agree across backends."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import unidl
from unidl import Sequential, Trainer, layers, ops
from unidl.optimizers import SGD, Adam, AdamW, Optimizer
from unidl.schedules import Cosine

RNG = np.random.default_rng(21)
EXAMPLES, BATCH = 80, 16
POINTS = RNG.normal(size=(EXAMPLES, 6))
CLASS = (POINTS[:, 0] > 0).astype("int64") + (POINTS[:, 1] > 0.5)
IMAGES = RNG.normal(size=(EXAMPLES, 6, 6, 2))
BRIGHT = (IMAGES[:, :3].mean((1, 2, 3)) > 0).astype("int64") + (IMAGES[:, 0, 0, 0] > 1)
WORDS = RNG.integers(0, 9, (EXAMPLES, 5))
FIRST = WORDS[:, 0] % 3


@dataclass(frozen=True)
class Job:
    """One training.

    Args:
        what: What it is there for, a line of the table.
        model: Makes the description.
        optimizer: Makes the optimizer, or the dict of them.
        data: What `fit` is given.
        loss: The loss's name; None for a training_step that has its own.
        trainer: The Trainer's class.
    """

    what: str
    model: Callable[[], unidl.Model]
    optimizer: Callable[[], Any]
    data: tuple[np.ndarray, ...]
    loss: str | None = "cross_entropy"
    trainer: type[Trainer] = Trainer

    def made(self, backend: str, precision: str) -> Trainer:
        """The Trainer, its model built."""
        model = self.model()
        examples = [np.asarray(part[:1]) for part in self.data]
        model.build(examples[0], backend=backend, precision=precision, seed=3, random="portable")
        return self.trainer(model, loss=self.loss, optimizer=self.optimizer(), seed=3, random="portable")

    def losses(self, trainer: Trainer, steps: int) -> np.ndarray:
        """The loss of each step."""
        epochs = -(-steps * BATCH // EXAMPLES)
        return trainer.fit(*self.data, epochs=epochs, batch_size=BATCH, progress=False).step_loss[:steps]


# -- layers, an optimizer and steps as users write them ------------------------------------------------------------------------


class GaussianNoise(unidl.Layer):
    """Normal numbers added in training."""

    def __init__(self, stddev: float) -> None:
        self.stddev = stddev

    def forward(self, x: Any) -> Any:
        return x + ops.random.normal(like=x) * self.stddev if self.training else x


class Gate(unidl.Layer):
    """A learnt gain beside whole units that rest: randint chooses how many stay."""

    def setup(self, shape: Any) -> None:
        self.add_weight("gain", (shape[-1],), initializer="ones")

    def forward(self, x: Any) -> Any:
        if self.training:
            first = ops.random.randint((1,), 1, x.shape[-1] + 1, like=x)
            x = ops.where(ops.arange(x.shape[-1], dtype="int64", like=first) < first, x, x * 0.5)
        return x * self.gain


class Autoencoder(unidl.Model):
    """A variational one: the code is drawn."""

    def __init__(self) -> None:
        self.encoder = layers.Dense(8)
        self.decoder = layers.Dense(6)

    def forward(self, x: Any) -> Any:
        mean, spread = ops.split(self.encoder(x), 2, axis=-1)  # each (batch, 4)
        code = mean + ops.exp(spread * 0.5) * ops.random.normal(like=mean) if self.training else mean
        return self.decoder(code)


class Pair(unidl.Model):
    """A generator and its critic."""

    def __init__(self) -> None:
        self.generator = Sequential([layers.Dense(8, activation="tanh"), layers.Dense(6)])
        self.critic = Sequential([layers.Dense(8, activation="tanh"), layers.Dropout(0.2), layers.Dense(1)])

    def forward(self, z: Any) -> Any:
        return self.critic(self.generator(z))


class Encoder(unidl.Model):
    """Attention over words, with dropout in and around it."""

    def __init__(self) -> None:
        self.embedding = layers.Embedding(9, 8)
        self.attention = layers.MultiHeadAttention(2, 4, dropout=0.1)
        self.norms = [layers.LayerNormalization(), layers.LayerNormalization()]
        self.dropout = layers.Dropout(0.1)
        self.hidden = [layers.Dense(16, activation="gelu"), layers.Dense(8)]
        self.out = layers.Dense(3)

    def forward(self, words: Any) -> Any:
        x = self.embedding(words)  # (batch, 5, 8)
        x = self.norms[0](x + self.dropout(self.attention(x, causal=True)))
        x = self.norms[1](x + self.dropout(self.hidden[1](self.hidden[0](x))))
        return self.out(ops.mean(x, axis=1))


class RMSprop(Optimizer):
    """An optimizer that is a definition on every backend."""

    state_names = ("square",)

    def __init__(self, learning_rate: float) -> None:
        super().__init__(learning_rate, clip_norm=1.0)

    def update(self, weight: Any, gradient: Any, state: dict[str, Any], learning_rate: Any, step: Any) -> Any:
        square = state["square"] * 0.9 + ops.square(gradient) * 0.1
        return weight - learning_rate * gradient / (ops.sqrt(square) + 1e-3), {"square": square}


class Augmented(Trainer):
    """Flips images and hides pixels at random."""

    def training_step(self, batch: Any) -> Any:
        x, y = batch
        flip = ops.random.bernoulli(0.5, (ops.shape(x)[0], 1, 1, 1), like=x)
        x = ops.where(flip, ops.flip(x, axis=2), x)
        x = ops.where(ops.random.uniform(like=x) < 0.1, 0.0, x)
        return super().training_step((x, y))


class Mixed(Trainer):
    """Each example mixed with another of its batch, and targets drawn from the two."""

    def training_step(self, batch: Any) -> Any:
        x, y = batch
        order = ops.random.permutation(ops.shape(x)[0], like=x)
        share = ops.random.uniform((ops.shape(x)[0], 1), 0.6, 1.0, like=x)
        x = x * share + ops.take(x, order, axis=0) * (1.0 - share)
        odds = ops.one_hot(y, 3, dtype=ops.dtype(x)) * 8.0
        return super().training_step((x, ops.random.categorical(odds)))


class Reconstruct(Trainer):
    """Targets are the inputs."""

    def training_step(self, batch: Any) -> Any:
        return super().training_step((batch, batch))


class Adversarial(Trainer):
    """Two optimizers on two parts."""

    def training_step(self, batch: Any) -> Any:
        x, critic, generator = batch, self.model.critic, self.model.generator
        z = ops.random.normal(like=x)
        fake = generator(z)
        d = self.minimize(
            lambda: ops.mean(ops.softplus(critic(ops.stop_gradient(fake))) + ops.softplus(-critic(x))), critic, "d"
        )
        g = self.minimize(lambda: ops.mean(ops.softplus(-critic(generator(z)))), generator, "g")
        return {"loss": d + g}


# -- the twelve ----------------------------------------------------------------------------------------------------------------


def mlp(*between: unidl.Layer, activation: str = "tanh") -> unidl.Model:
    return Sequential([layers.Dense(12, activation=activation), *between, layers.Dense(3)])


def cnn(*between: unidl.Layer) -> unidl.Model:
    return Sequential(
        [
            layers.Conv2D(4, 3, padding="same"),
            *between,
            layers.Activation("silu"),
            layers.MaxPooling2D(2),
            layers.Flatten(),
            layers.Dense(3),
        ]
    )


JOBS = {
    "plain": Job("SGD", mlp, lambda: SGD(0.1), (POINTS, CLASS)),
    "dropout": Job(
        "dropout; SGD with momentum",
        lambda: mlp(layers.Dropout(0.3), activation="relu"),
        lambda: SGD(0.05, momentum=0.9),
        (POINTS, CLASS),
    ),
    "gate": Job(
        "whole numbers in a layer; SGD with Nesterov's momentum and weight decay",
        lambda: mlp(Gate(), layers.Dropout(0.2)),
        lambda: SGD(0.05, momentum=0.8, nesterov=True, weight_decay=0.01),
        (POINTS, CLASS),
    ),
    "noise": Job("normal noise; Adam", lambda: mlp(GaussianNoise(0.3)), lambda: Adam(1e-2), (POINTS, CLASS)),
    "mixed": Job(
        "permutation, categorical and uniform in a training_step; Adam with other betas, decay and clipping",
        lambda: mlp(layers.LayerNormalization()),
        lambda: Adam(1e-2, beta_1=0.8, beta_2=0.95, epsilon=1e-6, weight_decay=0.05, clip_norm=0.5),
        (POINTS, CLASS),
        trainer=Mixed,
    ),
    "batch norm": Job(
        "convolution, batch norm, dropout; AdamW without decay of biases",
        lambda: cnn(layers.BatchNormalization(), layers.Dropout(0.2)),
        lambda: AdamW(1e-2, no_decay=("*bias", "*gamma", "*beta")),
        (IMAGES, BRIGHT),
    ),
    "augmented": Job(
        "augmentation in a training_step; SGD with momentum, clipping and a schedule",
        cnn,
        lambda: SGD(Cosine(0.1, steps=200, warmup=20), momentum=0.9, clip_norm=1.0),
        (IMAGES, BRIGHT),
        trainer=Augmented,
    ),
    "user's optimizer": Job(
        "batch norm, dropout; an optimizer that is a definition",
        lambda: cnn(layers.BatchNormalization(), layers.Dropout(0.2)),
        lambda: RMSprop(3e-3),
        (IMAGES, BRIGHT),
    ),
    "recurrent": Job(
        "embedding, LSTM, dropout; Adam with a schedule",
        lambda: Sequential(
            [layers.Embedding(9, 6), layers.Dropout(0.1), layers.LSTM(8), layers.Dropout(0.2), layers.Dense(3)]
        ),
        lambda: Adam(Cosine(2e-2, steps=200, warmup=10)),
        (WORDS, FIRST),
    ),
    "attention": Job(
        "attention with dropout inside, layer norm; AdamW with a schedule and clipping",
        Encoder,
        lambda: AdamW(Cosine(1e-2, steps=200, warmup=20), weight_decay=0.1, clip_norm=1.0),
        (WORDS, FIRST),
    ),
    "autoencoder": Job(
        "a code that is drawn; Adam",
        Autoencoder,
        lambda: Adam(1e-2),
        (POINTS,),
        loss="mse",
        trainer=Reconstruct,
    ),
    "adversarial": Job(
        "two parts, two optimizers, normals in a training_step; Adam and SGD",
        Pair,
        lambda: {"d": SGD(0.05, momentum=0.5), "g": Adam(1e-2, beta_1=0.5)},
        (POINTS,),
        loss=None,
        trainer=Adversarial,
    ),
}


def curve(name: str, backend: str, precision: str, steps: int, nudge: int | None = None) -> np.ndarray:
    """The losses of a job's first steps; `nudge` moves each initial weight to the next number, up or down by chance."""
    job = JOBS[name]
    trainer = job.made(backend, precision)
    if nudge is not None:
        rng = np.random.default_rng(nudge)
        weights = trainer.model.weights()
        towards = {path: np.where(rng.random(w.shape) < 0.5, -np.inf, np.inf) for path, w in weights.items()}
        trainer.model.set_weights({p: np.nextafter(w, towards[p].astype(w.dtype)) for p, w in weights.items()})
    return job.losses(trainer, steps)


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """How far two curves are apart at each step, relative to the loss."""
    return np.abs(a - b) / np.maximum(np.abs(b), 1e-3)

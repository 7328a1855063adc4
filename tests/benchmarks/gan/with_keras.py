import keras
import numpy as np
from keras import layers, ops

from tests.benchmarks.native.keras import load, optimizer


def part(inputs, outputs, name):
    return keras.Sequential(
        [
            keras.Input((inputs,)),
            layers.Dense(128, "relu", name=f"{name}-dense"),
            layers.Dense(128, "relu", name=f"{name}-dense_2"),
            layers.Dense(outputs, name=f"{name}-dense_3"),
        ]
    )


class Pair(keras.Model):
    """Its train_step, as Keras' guides have it for each backend of Keras."""

    def __init__(self):
        super().__init__()
        self.generator, self.critic = part(32, 64, "generator"), part(64, 1, "critic")

    def compile(self, critic_optimizer, generator_optimizer):
        super().compile()
        self.both = keras.metrics.Mean(name="both")
        self.critic_optimizer, self.generator_optimizer = critic_optimizer, generator_optimizer

    def call(self, inputs):
        x, noise = inputs
        return self.critic(x), self.critic(self.generator(noise))

    def critic_loss(self, x, noise, labels):
        fake, real = ops.stop_gradient(self.generator(noise)), self.critic(x)
        return ops.mean(ops.softplus(real) - real * labels) + ops.mean(ops.softplus(self.critic(fake)))

    def generator_loss(self, noise):
        return ops.mean(ops.softplus(-self.critic(self.generator(noise))))


class OnTensorFlow(Pair):
    def move(self, loss, weights, optimizer):
        import tensorflow as tf

        with tf.GradientTape() as tape:
            value = loss()
        optimizer.apply(tape.gradient(value, weights), weights)
        return value

    def train_step(self, data):
        (x, noise), labels = data
        first = self.move(
            lambda: self.critic_loss(x, noise, labels), self.critic.trainable_weights, self.critic_optimizer
        )
        second = self.move(
            lambda: self.generator_loss(noise), self.generator.trainable_weights, self.generator_optimizer
        )
        self.both.update_state(first + second)
        return {"both": self.both.result()}


class OnTorch(Pair):
    def move(self, loss, weights, optimizer):
        import torch

        self.zero_grad()
        value = loss()
        value.backward()
        with torch.no_grad():
            optimizer.apply([v.value.grad for v in weights], weights)
        return value.detach()

    train_step = OnTensorFlow.train_step


class Side:
    """Two optimizers in a train_step, run by keras.Model.fit."""

    def __init__(self, work, weights=None, shuffle=True):
        self.work, self.shuffle = work, shuffle
        self.network = {"tensorflow": OnTensorFlow, "torch": OnTorch}[keras.backend.backend()]()
        if weights is not None:
            for name in ("generator", "critic"):
                load(getattr(self.network, name), {k: w for k, w in weights.items() if k.startswith(f"{name}/")})
        self.network.compile(optimizer(work), optimizer(work))
        self.inputs, self.labels = work.arrays()

    def fit(self, epochs):
        history = self.network.fit(
            list(self.inputs), self.labels, batch_size=self.work.batch, epochs=epochs, shuffle=self.shuffle, verbose=0
        )
        return np.array(history.history["both"])

    def predict(self, x, noise):
        return [np.asarray(y) for y in self.network.predict_on_batch([x, noise])]

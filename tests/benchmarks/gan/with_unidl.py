"""A generator 32-128-128-64 and a critic 64-128-128-1, batch 64, Adam for each: two `minimize` of parts in one step."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers, ops, optimizers


def data():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(8192, 64)).astype("float32")
    noise = rng.normal(size=(8192, 32)).astype("float32")  # beside the images, so that both sides draw the same
    return (x, noise), rng.uniform(0.8, 1.0, (8192, 1)).astype("float32")  # labels of what is real, smoothed


def network(outputs):
    return unidl.Sequential([layers.Dense(128, "relu"), layers.Dense(128, "relu"), layers.Dense(outputs)])


class Pair(unidl.Model):
    def __init__(self):
        self.generator, self.critic = network(64), network(1)

    def forward(self, x, noise):
        return self.critic(x), self.critic(self.generator(noise))


class Trainer(unidl.Trainer):
    def training_step(self, batch):
        (x, noise), labels = batch
        generator, critic = self.model.generator, self.model.critic

        def critic_loss():
            fake = ops.stop_gradient(generator(noise))
            real = critic(x)
            return ops.mean(ops.softplus(real) - real * labels) + ops.mean(ops.softplus(critic(fake)))

        def generator_loss():
            return ops.mean(ops.softplus(-critic(generator(noise))))

        found = self.minimize(critic_loss, part=critic, optimizer="critic")
        return {"loss": found + self.minimize(generator_loss, part=generator, optimizer="generator")}


def trainer(work, model, **more):
    rates = {name: optimizers.Adam(work.rate) for name in ("critic", "generator")}
    return Trainer(model, optimizer=rates, **more)


WORKLOAD = Workload("gan", Pair, data, 64, 2, "adam", 1e-3, {}, "own", trainer=trainer)

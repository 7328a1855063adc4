"""Training and inference by hand in TensorFlow: a whole epoch is one call of one tf.function.

Batches are gathered inside the graph from constants, the loop runs in the graph, and the fused ResourceApply kernels move the
weights: Python is asked once an epoch.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tests.benchmarks.workload import Workload, order

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-8


def variables(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, tf.Variable]:
    """Variables for a network's weights; the names are unidl's paths."""
    rng = np.random.default_rng(0)
    made = {}
    for name, shape in shapes.items():
        kind = name.rpartition("/")[2]
        if kind in ("gamma", "moving_variance"):
            value = np.ones(shape)
        elif kind == "beta" or "bias" in kind or kind == "moving_mean":
            value = np.zeros(shape)
        else:
            value = rng.normal(size=shape, scale=0.05)
        trainable = not kind.startswith("moving_")
        made[name] = tf.Variable(value.astype("float32"), trainable=trainable)
    return made


class Momentum:
    """torch's form of momentum, in one kernel a weight."""

    def __init__(self, weights: list[tf.Variable], rate: float, momentum: float) -> None:
        self.weights, self.rate, self.momentum = weights, rate, momentum
        self.state = [tf.Variable(tf.zeros_like(w)) for w in weights]

    def apply(self, gradients: list[tf.Tensor], step: tf.Tensor) -> None:
        for w, g, b in zip(self.weights, gradients, self.state, strict=True):
            tf.raw_ops.ResourceApplyMomentum(
                var=w.handle, accum=b.handle, lr=self.rate, grad=tf.convert_to_tensor(g), momentum=self.momentum
            )


class Adam:
    """Adam, or AdamW with a weight decay, in one kernel a weight; the paper's epsilon, given to the kernel as it wants it."""

    def __init__(self, weights: list[tf.Variable], rate: float, weight_decay: float = 0.0) -> None:
        self.weights, self.rate, self.decay = weights, rate, weight_decay
        self.state = [(tf.Variable(tf.zeros_like(w)), tf.Variable(tf.zeros_like(w))) for w in weights]

    def apply(self, gradients: list[tf.Tensor], step: tf.Tensor) -> None:
        power_1, power_2 = tf.pow(BETA_1, step), tf.pow(BETA_2, step)
        epsilon = EPSILON * tf.sqrt(1.0 - power_2)
        for w, g, (m, v) in zip(self.weights, gradients, self.state, strict=True):
            if self.decay:
                w.assign_sub(w * (self.rate * self.decay))
            tf.raw_ops.ResourceApplyAdam(
                var=w.handle, m=m.handle, v=v.handle, beta1_power=power_1, beta2_power=power_2, lr=self.rate,
                beta1=BETA_1, beta2=BETA_2, epsilon=epsilon, grad=tf.convert_to_tensor(g),
            )  # fmt: skip


def optimizer(work: Workload, weights: list[tf.Variable]) -> Momentum | Adam:
    if work.optimizer == "sgd":
        return Momentum(weights, work.rate, work.options["momentum"])
    return Adam(weights, work.rate, **work.options)


class Side:
    """A network trained by hand."""

    def __init__(
        self,
        work: Workload,
        weights: Mapping[str, np.ndarray] | None = None,
        shuffle: bool = True,
        xla: bool = False,
    ) -> None:
        hand = work.hand("tensorflow")
        self.work, self.shuffle, self.epoch = work, shuffle, 0
        self.network: tf.Module = hand.Network()
        if weights is not None:
            load(self.network.v, self.network.packed(weights) if hasattr(self.network, "packed") else weights)
        trained = [v for v in self.network.v.values() if v.trainable]
        stepper = optimizer(work, trained)
        inputs, targets = work.arrays()
        xs, y = [tf.constant(a) for a in inputs], tf.constant(targets)
        self.examples = len(targets)
        done = tf.Variable(0.0)

        def step(chosen: tf.Tensor) -> tf.Tensor:
            with tf.GradientTape() as tape:
                outputs = self.network(*(tf.gather(x, chosen) for x in xs), training=True)
                loss = hand.loss(outputs, tf.gather(y, chosen))
            gradients = tape.gradient(loss, trained)
            done.assign_add(1.0)
            stepper.apply(gradients, done.read_value())
            return loss

        one = tf.function(step, jit_compile=True, autograph=False) if xla else step

        @tf.function(input_signature=[tf.TensorSpec((None, work.batch), tf.int64)])
        def train(orders: tf.Tensor) -> tf.Tensor:
            steps = tf.shape(orders)[0]
            losses = tf.TensorArray(tf.float32, steps)
            for i in tf.range(steps):
                losses = losses.write(i, one(orders[i]))
            return losses.stack()

        self._train = train
        signature = [tf.TensorSpec((None, *x.shape[1:]), x.dtype) for x in xs]
        self._infer = tf.function(lambda *x: self.network(*x, training=False), input_signature=signature)

    def fit(self, epochs: int) -> np.ndarray:
        found = []
        for _ in range(epochs):
            places = order(self.examples, self.epoch, self.shuffle)
            found.append(self._train(places.reshape(-1, self.work.batch)).numpy())
            self.epoch += 1
        return np.concatenate(found)

    def predict(self, *x: np.ndarray) -> np.ndarray:
        return self._infer(*x).numpy()


def load(own: Mapping[str, tf.Variable], weights: Mapping[str, np.ndarray]) -> None:
    """Write weights, named and laid out as in unidl."""
    assert own.keys() == weights.keys(), sorted(own.keys() ^ weights.keys())
    for name, value in weights.items():
        own[name].assign(value)

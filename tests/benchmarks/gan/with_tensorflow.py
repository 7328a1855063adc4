import numpy as np
import tensorflow as tf

from tests.benchmarks.native.tensorflow import load, optimizer, variables
from tests.benchmarks.workload import order

SHAPES = {
    f"{part}/{layer}/{name}": shape
    for part, inputs, outputs in (("generator", 32, 64), ("critic", 64, 1))
    for layer, shapes in (
        ("dense", ((inputs, 128), (128,))), ("dense_2", ((128, 128), (128,))), ("dense_3", ((128, outputs), (outputs,))),
    )
    for name, shape in zip(("kernel", "bias"), shapes, strict=True)
}  # fmt: skip


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def part(self, name, x):
        v = self.v
        for layer in ("dense", "dense_2"):
            x = tf.nn.relu(tf.nn.bias_add(x @ v[f"{name}/{layer}/kernel"], v[f"{name}/{layer}/bias"]))
        return tf.nn.bias_add(x @ v[f"{name}/dense_3/kernel"], v[f"{name}/dense_3/bias"])


class Side:
    """An epoch is one call; a step moves the critic, then the generator, each by the gradient of its own weights."""

    def __init__(self, work, weights=None, shuffle=True):
        self.work, self.shuffle, self.epoch = work, shuffle, 0
        network = self.network = Network()
        if weights is not None:
            load(network.v, weights)
        inputs, labels = work.arrays()
        data = [tf.constant(a) for a in (*inputs, labels)]
        self.examples = len(labels)
        done = tf.Variable(0.0)
        parts = {
            name: [v for path, v in network.v.items() if path.startswith(name)] for name in ("critic", "generator")
        }
        steppers = {name: optimizer(work, trained) for name, trained in parts.items()}

        def move(name, loss):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(parts[name])
                value = loss()
            steppers[name].apply(tape.gradient(value, parts[name]), done.read_value())
            return value

        def step(chosen):
            x, z, y = (tf.gather(a, chosen) for a in data)

            def critic_loss():
                fake = tf.stop_gradient(network.part("generator", z))
                real = network.part("critic", x)
                loss = tf.reduce_mean(tf.math.softplus(real) - real * y)
                return loss + tf.reduce_mean(tf.math.softplus(network.part("critic", fake)))

            def generator_loss():
                return tf.reduce_mean(tf.math.softplus(-network.part("critic", network.part("generator", z))))

            done.assign_add(1.0)
            return move("critic", critic_loss) + move("generator", generator_loss)

        @tf.function(input_signature=[tf.TensorSpec((None, work.batch), tf.int64)])
        def train(orders):
            steps = tf.shape(orders)[0]
            losses = tf.TensorArray(tf.float32, steps)
            for i in tf.range(steps):
                losses = losses.write(i, step(orders[i]))
            return losses.stack()

        self._train = train
        specs = [tf.TensorSpec((None, n)) for n in (64, 32)]
        self._infer = tf.function(
            lambda x, z: (network.part("critic", x), network.part("critic", network.part("generator", z))),
            input_signature=specs,
        )

    def fit(self, epochs):
        found = []
        for _ in range(epochs):
            places = order(self.examples, self.epoch, self.shuffle)
            found.append(self._train(places.reshape(-1, self.work.batch)).numpy())
            self.epoch += 1
        return np.concatenate(found)

    def predict(self, x, noise):
        return [y.numpy() for y in self._infer(tf.constant(x), tf.constant(noise))]

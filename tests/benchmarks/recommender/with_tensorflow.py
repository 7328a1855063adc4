import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

SHAPES = {
    "users/embeddings": (20000, 32), "items/embeddings": (5000, 32), "genres/embeddings": (20, 8), "countries/embeddings": (100, 8),
    "hidden/kernel": (80, 64), "hidden/bias": (64,),
    "hidden_2/kernel": (64, 32), "hidden_2/bias": (32,),
    "out/kernel": (32, 1), "out/bias": (1,),
}  # fmt: skip


class Network(tf.Module):
    """Adam moves every row at every step, so gradients by the tables become dense, as torch's are."""

    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def __call__(self, *columns, training):
        v = self.v
        names = ("users", "items", "genres", "countries")
        x = tf.concat([tf.gather(v[f"{name}/embeddings"], c) for name, c in zip(names, columns, strict=True)], -1)
        for name in ("hidden", "hidden_2"):
            x = tf.nn.relu(tf.nn.bias_add(x @ v[f"{name}/kernel"], v[f"{name}/bias"]))
        return tf.nn.bias_add(x @ v["out/kernel"], v["out/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.math.squared_difference(outputs, targets))

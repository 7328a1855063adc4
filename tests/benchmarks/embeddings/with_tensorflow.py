import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

SIZES = {f"column_{i}": 100 * (i + 1) for i in range(10)}
SHAPES = {
    **{f"tables/{name}/embeddings": (n, 16) for name, n in SIZES.items()},
    "out/kernel": (160, 1), "out/bias": (1,),
}  # fmt: skip


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def __call__(self, *columns, training):
        v = self.v
        found = [tf.gather(v[f"tables/{name}/embeddings"], c) for name, c in zip(SIZES, columns, strict=True)]
        return tf.nn.bias_add(tf.concat(found, -1) @ v["out/kernel"], v["out/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.math.squared_difference(outputs, targets))

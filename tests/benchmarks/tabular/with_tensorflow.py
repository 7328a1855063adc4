import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

SHAPES = {
    "dense/kernel": (20, 64), "dense/bias": (64,),
    "dense_2/kernel": (64, 64), "dense_2/bias": (64,),
    "dense_3/kernel": (64, 1), "dense_3/bias": (1,),
}  # fmt: skip


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def __call__(self, x, training):
        v = self.v
        x = tf.nn.relu(tf.nn.bias_add(x @ v["dense/kernel"], v["dense/bias"]))
        x = tf.nn.relu(tf.nn.bias_add(x @ v["dense_2/kernel"], v["dense_2/bias"]))
        return tf.nn.bias_add(x @ v["dense_3/kernel"], v["dense_3/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.math.squared_difference(outputs, targets))

import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

SHAPES = {
    "conv2d/kernel": (3, 3, 1, 16), "conv2d/bias": (16,),
    "conv2d_2/kernel": (3, 3, 16, 32), "conv2d_2/bias": (32,),
    "dense/kernel": (800, 64), "dense/bias": (64,),
    "dense_2/kernel": (64, 10), "dense_2/bias": (10,),
}  # fmt: skip


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def __call__(self, x, training):
        v = self.v
        for name in ("conv2d", "conv2d_2"):
            x = tf.nn.conv2d(x, v[f"{name}/kernel"], 1, "VALID")
            x = tf.nn.max_pool2d(tf.nn.relu(tf.nn.bias_add(x, v[f"{name}/bias"])), 2, 2, "VALID")
        x = tf.reshape(x, (-1, 800))
        x = tf.nn.relu(tf.nn.bias_add(x @ v["dense/kernel"], v["dense/bias"]))
        return tf.nn.bias_add(x @ v["dense_2/kernel"], v["dense_2/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

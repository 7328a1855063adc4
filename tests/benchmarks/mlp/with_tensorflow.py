import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

SHAPES = {
    "dense/kernel": (784, 256), "dense/bias": (256,),
    "dense_2/kernel": (256, 256), "dense_2/bias": (256,),
    "dense_3/kernel": (256, 10), "dense_3/bias": (10,),
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
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

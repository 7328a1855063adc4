import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

WIDTHS = (64, 128, 256, 512)
MOMENTUM, EPSILON = 0.9, 1e-5


def shapes():
    found = {"stem/kernel": (3, 3, 3, 64), "head/kernel": (512, 10), "head/bias": (10,)}
    norms, inputs, number = [("norm", 64)], 64, 0
    for stage, filters in enumerate(WIDTHS):
        for first in (True, False):
            at = f"blocks/{number}"
            found[f"{at}/conv_1/kernel"] = (3, 3, inputs, filters)
            found[f"{at}/conv_2/kernel"] = (3, 3, filters, filters)
            norms += [(f"{at}/norm_1", filters), (f"{at}/norm_2", filters)]
            if stage and first:
                found[f"{at}/conv_3/kernel"] = (1, 1, inputs, filters)
                norms.append((f"{at}/norm_3", filters))
            inputs, number = filters, number + 1
    for name, filters in norms:
        found |= {f"{name}/{part}": (filters,) for part in ("gamma", "beta", "moving_mean", "moving_variance")}
    return found


class Network(tf.Module):
    """With TensorFlow's fused kernel of batch normalization."""

    def __init__(self):
        super().__init__()
        self.v = variables(shapes())

    def normalised(self, x, name, training):
        gamma, beta, mean, variance = (
            self.v[f"{name}/{part}"] for part in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        y, batch_mean, batch_variance, *_ = tf.raw_ops.FusedBatchNormV3(
            x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=EPSILON, is_training=training
        )
        if training:
            mean.assign_sub((mean - batch_mean) * (1 - MOMENTUM))
            variance.assign_sub((variance - batch_variance) * (1 - MOMENTUM))
        return y

    def block(self, x, at, strides, training):
        v = self.v
        y = tf.nn.conv2d(x, v[f"{at}/conv_1/kernel"], strides, "SAME")
        y = tf.nn.relu(self.normalised(y, f"{at}/norm_1", training))
        y = tf.nn.conv2d(y, v[f"{at}/conv_2/kernel"], 1, "SAME")
        y = self.normalised(y, f"{at}/norm_2", training)
        if strides == 2:
            x = tf.nn.conv2d(x, v[f"{at}/conv_3/kernel"], 2, "VALID")
            x = self.normalised(x, f"{at}/norm_3", training)
        return tf.nn.relu(y + x)

    def __call__(self, x, training):
        x = tf.nn.conv2d(x, self.v["stem/kernel"], 1, "SAME")
        x = tf.nn.relu(self.normalised(x, "norm", training))
        for number in range(8):
            x = self.block(x, f"blocks/{number}", 2 if number in (2, 4, 6) else 1, training)
        return tf.nn.bias_add(tf.reduce_mean(x, (1, 2)) @ self.v["head/kernel"], self.v["head/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

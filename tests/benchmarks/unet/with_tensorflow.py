import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables


def shapes():
    found = {"head/kernel": (1, 1, 16, 3), "head/bias": (3,)}
    for at, inputs, filters in (
        ("down/0", 3, 16),
        ("down/1", 16, 32),
        ("bottom", 32, 64),
        ("up/0", 64, 32),
        ("up/1", 32, 16),
    ):
        found |= {f"{at}/first/kernel": (3, 3, inputs, filters), f"{at}/first/bias": (filters,)}
        found |= {f"{at}/second/kernel": (3, 3, filters, filters), f"{at}/second/bias": (filters,)}
    for number, (inputs, filters) in enumerate(((64, 32), (32, 16))):
        found |= {f"larger/{number}/kernel": (2, 2, filters, inputs), f"larger/{number}/bias": (filters,)}
    return found


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(shapes())

    def twice(self, x, at):
        for name in (f"{at}/first", f"{at}/second"):
            x = tf.nn.conv2d(x, self.v[f"{name}/kernel"], 1, "SAME")
            x = tf.nn.relu(tf.nn.bias_add(x, self.v[f"{name}/bias"]))
        return x

    def __call__(self, x, training):
        kept = []
        for level in range(2):
            kept.append(self.twice(x, f"down/{level}"))
            x = tf.nn.max_pool2d(kept[-1], 2, 2, "VALID")
        x = self.twice(x, "bottom")
        for level in range(2):
            skipped = kept.pop()
            x = tf.nn.conv2d_transpose(x, self.v[f"larger/{level}/kernel"], tf.shape(skipped), 2, "VALID")
            x = tf.nn.bias_add(x, self.v[f"larger/{level}/bias"])
            x = self.twice(tf.concat([x, skipped], -1), f"up/{level}")
        return tf.nn.bias_add(tf.nn.conv2d(x, self.v["head/kernel"], 1, "VALID"), self.v["head/bias"])


def loss(outputs, targets):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

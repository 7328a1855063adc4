import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

TOKENS, LENGTH, WIDTH, HEADS, BLOCKS = 256, 64, 128, 4, 4


def shapes():
    found = {"places": (LENGTH, WIDTH), "tokens/embeddings": (TOKENS, WIDTH), "head/kernel": (WIDTH, TOKENS)}
    head = WIDTH // HEADS
    found |= {"norm/gamma": (WIDTH,), "norm/beta": (WIDTH,)}
    for number in range(BLOCKS):
        at = f"blocks/{number}"
        for name in ("norm_1", "norm_2"):
            found |= {f"{at}/{name}/gamma": (WIDTH,), f"{at}/{name}/beta": (WIDTH,)}
        for name in ("query", "key", "value"):
            found |= {
                f"{at}/attention/{name}_kernel": (WIDTH, HEADS, head),
                f"{at}/attention/{name}_bias": (HEADS, head),
            }
        found |= {f"{at}/attention/output_kernel": (HEADS, head, WIDTH), f"{at}/attention/output_bias": (WIDTH,)}
        found |= {f"{at}/up/kernel": (WIDTH, 4 * WIDTH), f"{at}/up/bias": (4 * WIDTH,)}
        found |= {f"{at}/down/kernel": (4 * WIDTH, WIDTH), f"{at}/down/bias": (WIDTH,)}
    return found


def normalised(x, gamma, beta):
    mean, variance = tf.nn.moments(x, -1, keepdims=True)
    return tf.nn.batch_normalization(x, mean, variance, beta, gamma, 1e-5)


class Network(tf.Module):
    def __init__(self):
        super().__init__()
        self.v = variables(shapes())

    def attention(self, x, at):  # (rows, width), of rows = batch * length
        v, heads = self.v, (-1, LENGTH, HEADS, WIDTH // HEADS)
        q, k, y = (
            tf.transpose(tf.reshape(
                tf.nn.bias_add(x @ tf.reshape(v[f"{at}/{name}_kernel"], (WIDTH, WIDTH)), tf.reshape(v[f"{at}/{name}_bias"], (-1,))),
                heads), (0, 2, 1, 3))
            for name in ("query", "key", "value")
        )  # fmt: skip  # (batch, heads, length, width / heads)
        scores = tf.matmul(q * (WIDTH // HEADS) ** -0.5, k, transpose_b=True)  # (batch, heads, length, length)
        places = tf.range(LENGTH)
        scores += tf.where(places[None] <= places[:, None], 0.0, -1e9)
        y = tf.reshape(tf.transpose(tf.nn.softmax(scores) @ y, (0, 2, 1, 3)), (-1, WIDTH))
        return tf.nn.bias_add(y @ tf.reshape(v[f"{at}/output_kernel"], (WIDTH, WIDTH)), v[f"{at}/output_bias"])

    def __call__(self, x, training):
        v = self.v
        x = tf.reshape(tf.gather(v["tokens/embeddings"], x) + v["places"], (-1, WIDTH))
        for number in range(BLOCKS):
            at = f"blocks/{number}"
            x += self.attention(normalised(x, v[f"{at}/norm_1/gamma"], v[f"{at}/norm_1/beta"]), f"{at}/attention")
            y = normalised(x, v[f"{at}/norm_2/gamma"], v[f"{at}/norm_2/beta"])
            y = tf.nn.gelu(tf.nn.bias_add(y @ v[f"{at}/up/kernel"], v[f"{at}/up/bias"]))
            x += tf.nn.bias_add(y @ v[f"{at}/down/kernel"], v[f"{at}/down/bias"])
        x = normalised(x, v["norm/gamma"], v["norm/beta"]) @ v["head/kernel"]
        return tf.reshape(x, (-1, LENGTH, TOKENS))


def loss(outputs, targets):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

import numpy as np
import tensorflow as tf

from tests.benchmarks.native.tensorflow import variables

UNITS = 128
SHAPES = {
    "embedding/embeddings": (2000, 64),
    "lstm/packed_kernel": (64 + UNITS, 4 * UNITS), "lstm/bias": (4 * UNITS,),
    "dense/kernel": (UNITS, 4), "dense/bias": (4,),
}  # fmt: skip


class Network(tf.Module):
    """With TensorFlow's fused kernel of a whole LSTM, three times as fast as a loop of steps.

    Its gates are in the order i, c, f, o. (BlockLSTMV2, of the order i, f, c, o, has the other kernel's gradient registered.)
    """

    def __init__(self):
        super().__init__()
        self.v = variables(SHAPES)

    def __call__(self, x, training):
        v = self.v
        series = tf.transpose(tf.gather(v["embedding/embeddings"], x), (1, 0, 2))  # (time, batch, 64)
        zeros, none = tf.zeros((tf.shape(x)[0], UNITS)), tf.zeros(UNITS)
        states = tf.raw_ops.BlockLSTM(
            seq_len_max=tf.shape(x, tf.int64)[1], x=series, cs_prev=zeros, h_prev=zeros, w=v["lstm/packed_kernel"],
            wci=none, wcf=none, wco=none, b=v["lstm/bias"], forget_bias=0.0, cell_clip=-1.0, use_peephole=False,
        )  # fmt: skip
        return tf.nn.bias_add(states.h[-1] @ v["dense/kernel"], v["dense/bias"])

    @staticmethod
    def packed(weights):
        """unidl's weights as this network's: one matrix, gates in the kernel's order."""

        def ordered(x):
            i, f, c, o = np.split(x, 4, axis=-1)
            return np.concatenate([i, c, f, o], axis=-1)

        found = dict(weights)
        kernels = [found.pop(f"lstm/{name}") for name in ("kernel", "recurrent_kernel")]
        found["lstm/packed_kernel"] = ordered(np.concatenate(kernels))
        return found | {"lstm/bias": ordered(found["lstm/bias"])}


def loss(outputs, targets):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(targets, outputs))

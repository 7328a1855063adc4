"""A small GPT: 4 blocks, width 128, 4 heads, 64 tokens of 256, batch 8, AdamW; learned positions, causal attention."""

import numpy as np

import unidl
from tests.benchmarks.workload import Workload
from unidl import layers

TOKENS, LENGTH, WIDTH, HEADS, BLOCKS = 256, 64, 128, 4, 4


def data():
    text = np.random.default_rng(0).integers(0, TOKENS, (64, LENGTH + 1))
    return np.ascontiguousarray(text[:, :-1]), np.ascontiguousarray(text[:, 1:])


class Block(unidl.Layer):
    def __init__(self):
        self.norm_1 = layers.LayerNormalization()
        self.attention = layers.MultiHeadAttention(HEADS, WIDTH // HEADS)
        self.norm_2 = layers.LayerNormalization()
        self.up = layers.Dense(4 * WIDTH, activation="gelu")
        self.down = layers.Dense(WIDTH)

    def forward(self, x):  # (batch, length, width)
        x = x + self.attention(self.norm_1(x), causal=True)
        return x + self.down(self.up(self.norm_2(x)))


class GPT(unidl.Model):
    def __init__(self):
        self.tokens = layers.Embedding(TOKENS, WIDTH)
        self.blocks = [Block() for _ in range(BLOCKS)]
        self.norm = layers.LayerNormalization()
        self.head = layers.Dense(TOKENS, use_bias=False)

    def setup(self, shape):
        self.add_weight("places", (LENGTH, WIDTH), "uniform")

    def forward(self, x):  # (batch, length)
        x = self.tokens(x) + self.places
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


WORKLOAD = Workload("gpt", GPT, data, 8, 1, "adamw", 3e-4, {"weight_decay": 0.1}, "cross_entropy", large=16)

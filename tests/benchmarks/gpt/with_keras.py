import keras
from keras import layers

TOKENS, LENGTH, WIDTH, HEADS, BLOCKS = 256, 64, 128, 4, 4


class Places(layers.Layer):
    def build(self, shape):
        self.places = self.add_weight(shape=(LENGTH, WIDTH), name="places")

    def call(self, x):
        return x + self.places


def norm(name):
    return layers.LayerNormalization(epsilon=1e-5, name=name)


def network():
    inputs = keras.Input((LENGTH,), dtype="int64")
    x = Places(name="positions")(layers.Embedding(TOKENS, WIDTH, name="tokens")(inputs))
    for number in range(BLOCKS):
        at = f"blocks-{number}"
        y = norm(f"{at}-norm_1")(x)
        y = layers.MultiHeadAttention(HEADS, WIDTH // HEADS, name=f"{at}-attention")(y, y, use_causal_mask=True)
        x = layers.Add()([x, y])
        y = layers.Dense(4 * WIDTH, activation="gelu", name=f"{at}-up")(norm(f"{at}-norm_2")(x))
        x = layers.Add()([x, layers.Dense(WIDTH, name=f"{at}-down")(y)])
    return keras.Model(inputs, layers.Dense(TOKENS, use_bias=False, name="head")(norm("norm")(x)))

import keras
from keras import layers

SIZES = {f"column_{i}": 100 * (i + 1) for i in range(10)}


def network():
    inputs = [keras.Input((), dtype="int64") for _ in SIZES]
    found = [
        layers.Embedding(n, 16, name=f"tables-{name}")(i) for (name, n), i in zip(SIZES.items(), inputs, strict=True)
    ]
    return keras.Model(inputs, layers.Dense(1, name="out")(layers.Concatenate()(found)))

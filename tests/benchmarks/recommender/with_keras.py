import keras
from keras import layers

SIZES = {"users": (20000, 32), "items": (5000, 32), "genres": (20, 8), "countries": (100, 8)}


def network():
    inputs = [keras.Input((), dtype="int64") for _ in SIZES]
    found = [layers.Embedding(*size, name=name)(i) for (name, size), i in zip(SIZES.items(), inputs, strict=True)]
    x = layers.Concatenate()(found)
    x = layers.Dense(32, "relu", name="hidden_2")(layers.Dense(64, "relu", name="hidden")(x))
    return keras.Model(inputs, layers.Dense(1, name="out")(x))

import keras
from keras import layers


def twice(x, at, filters):
    for name in ("first", "second"):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"{at}-{name}")(x)
    return x


def network():
    inputs = x = keras.Input((64, 64, 3))
    kept = []
    for level, filters in enumerate((16, 32)):
        kept.append(twice(x, f"down-{level}", filters))
        x = layers.MaxPooling2D()(kept[-1])
    x = twice(x, "bottom", 64)
    for level, filters in enumerate((32, 16)):
        x = layers.Conv2DTranspose(filters, 2, 2, name=f"larger-{level}")(x)
        x = twice(layers.Concatenate()([x, kept.pop()]), f"up-{level}", filters)
    return keras.Model(inputs, layers.Conv2D(3, 1, name="head")(x))

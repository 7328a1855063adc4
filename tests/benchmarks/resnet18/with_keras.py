import keras
from keras import layers

WIDTHS = (64, 128, 256, 512)


def norm(name):
    return layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=name)


def block(x, at, filters, strides):
    y = layers.Conv2D(filters, 3, strides, "same", use_bias=False, name=f"{at}-conv_1")(x)
    y = layers.ReLU()(norm(f"{at}-norm_1")(y))
    y = layers.Conv2D(filters, 3, 1, "same", use_bias=False, name=f"{at}-conv_2")(y)
    y = norm(f"{at}-norm_2")(y)
    if strides == 2:
        x = norm(f"{at}-norm_3")(layers.Conv2D(filters, 1, 2, use_bias=False, name=f"{at}-conv_3")(x))
    return layers.ReLU()(layers.Add()([y, x]))


def network():
    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(norm("norm")(layers.Conv2D(64, 3, 1, "same", use_bias=False, name="stem")(inputs)))
    for number in range(8):
        x = block(x, f"blocks-{number}", WIDTHS[number // 2], 2 if number in (2, 4, 6) else 1)
    return keras.Model(inputs, layers.Dense(10, name="head")(layers.GlobalAveragePooling2D()(x)))

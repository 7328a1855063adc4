import keras
from keras import layers


def network():
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu", name="conv2d"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu", name="conv2d_2"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(64, "relu", name="dense"),
            layers.Dense(10, name="dense_2"),
        ]
    )

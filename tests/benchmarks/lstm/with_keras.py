import keras
from keras import layers


def network():
    return keras.Sequential(
        [
            keras.Input((64,), dtype="int64"),
            layers.Embedding(2000, 64, name="embedding"),
            layers.LSTM(128, name="lstm"),
            layers.Dense(4, name="dense"),
        ]
    )

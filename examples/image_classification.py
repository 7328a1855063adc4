"""Image classification: a convolutional network learns handwritten digits, the same script on every backend.

    UNIDL_BACKEND=torch python examples/image_classification.py

4,000 of MNIST's digits for training, 1,000 for testing, no augmentation. Reached: a test accuracy near 0.98, asserted: 0.96.
"""

from statistics import median

import data

import unidl
from unidl import layers, optimizers, schedules

EPOCHS = 8
BATCH_SIZE = 32


def convolution(filters: int) -> list[unidl.Layer]:
    """Convolution, normalisation, activation; then half the height and half the width."""
    return [
        layers.Conv2D(filters, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(2),
    ]


def network() -> unidl.Sequential:
    return unidl.Sequential(
        [
            *convolution(16),  # (batch, 28, 28, 1) -> (batch, 14, 14, 16)
            *convolution(32),  # (batch, 7, 7, 32)
            layers.Flatten(),  # (batch, 1568)
            layers.Dropout(0.4),
            layers.Dense(10),  # (batch, 10), logits: the loss applies the softmax
        ]
    )


def main() -> tuple[unidl.Model, float, float]:
    """The trained model, its test accuracy, and the seconds of an epoch."""
    (x, y), (x_test, y_test) = data.mnist()
    steps = EPOCHS * -(-len(x) // BATCH_SIZE)
    model = network().build(x.shape[1:])
    model.summary()
    trainer = unidl.Trainer(
        model,
        loss="cross_entropy",
        optimizer=optimizers.AdamW(schedules.Cosine(5e-3, steps=steps, warmup=steps // 10), weight_decay=0.05),
        metrics=["accuracy"],
    )
    history = trainer.fit(x, y, epochs=EPOCHS, batch_size=BATCH_SIZE)
    accuracy = trainer.evaluate(x_test, y_test)["accuracy"]
    seconds = median(history["seconds"])
    print(f"{model.backend}: test accuracy {accuracy:.3f}, {seconds:.1f} s per epoch")
    assert accuracy >= 0.96, f"test accuracy {accuracy:.3f} is below 0.96"
    return model, accuracy, seconds


if __name__ == "__main__":
    main()

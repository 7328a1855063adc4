"""Which framework for this network? The same function on every backend and Keras engine, each in its own processes, measured in turn.

    python examples/compare_backends.py [--quick] [--json FILE] [--report FILE]

A convolutional network learns 4,000 of MNIST's digits and is looked at from all sides: time to import, build, compile, step and infer,
memory, loss curves, the native source, exports, where a debugger stops. docs/compare.md explains each figure.
Reached: a validation accuracy near 0.96 on 1,000 digits on every backend, asserted: 0.94; first losses within 3e-6, asserted: 1e-5.
"""

import argparse

import data
from rich.console import Console

import unidl
from unidl import layers, optimizers
from unidl.insight import report as pages

EPOCHS = 4
BATCH_SIZE = 32
ENGINES = ["tensorflow", "torch"]  # of Keras


def convolution(filters: int) -> list[unidl.Layer]:
    """Convolution, normalisation, activation; then half the height and half the width."""
    return [
        layers.Conv2D(filters, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.Activation("relu"),
        layers.MaxPooling2D(2),
    ]


def build() -> unidl.Trainer:
    """What is compared. It runs in each process, on the backend that is in force there."""
    model = unidl.Sequential(
        [
            *convolution(16),  # (batch, 28, 28, 1) -> (batch, 14, 14, 16)
            *convolution(32),  # (batch, 7, 7, 32)
            layers.Flatten(),  # (batch, 1568)
            layers.Dense(10),  # (batch, 10), logits
        ]
    )
    return unidl.Trainer(model, loss="cross_entropy", optimizer=optimizers.AdamW(2e-3), metrics=["accuracy"])


def main(quick: bool = False, json: str | None = None, report: str | None = None) -> None:
    train, test = data.mnist()
    comparison = unidl.compare(
        build, train, engines=ENGINES, epochs=EPOCHS, batch_size=BATCH_SIZE, validation_data=test, quick=quick
    )
    Console().print(comparison)
    if json is not None:
        comparison.save(json)
    if report is not None:
        pages.write(report, comparison)
    first = {}
    for run in comparison.runs:
        assert run.failure is None, f"{run.label}: {run.failure}"
        accuracy = run.metrics["val_accuracy"]
        assert accuracy >= 0.94, f"{run.label}: validation accuracy {accuracy:.3f} is below 0.94"
        first[run.label] = run.step_loss[0]
    spread = max(first.values()) - min(first.values())
    assert spread < 1e-5, f"the same seed starts with other losses: {first}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Compare the backends on MNIST.")
    parser.add_argument("--quick", action="store_true", help="little and short")
    parser.add_argument("--json", metavar="FILE", help="keep the comparison")
    parser.add_argument("--report", metavar="FILE", help="write the page")
    main(**vars(parser.parse_args()))

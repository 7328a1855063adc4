"""The pairs that are measured: which of unidl's backends beside which loop, under which Keras engine, and what is asked of the ratio."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from tests.benchmarks.workload import NAMES, SMALL, Workload


@dataclass(frozen=True)
class Pair:
    """Two sides.

    Args:
        backend: unidl's.
        native: The loop beside it: a module of `native`, with "-xla" or "-batched" behind it for its other form.
        engine: Keras' engine in that process.
        bar: What the geometric mean of the ratios is to reach.
        least: What each ratio is to reach.
        workloads: On what.
        jit: What the Trainer is told; the loop beside it is as it is.
        onednn: Whether TensorFlow, on both sides, may take oneDNN's kernels.
    """

    backend: str
    native: str
    engine: str
    bar: float | None
    least: float | None
    workloads: tuple[str, ...]
    jit: str = "False"
    onednn: bool = True

    @property
    def name(self) -> str:
        """As it is called on the command line and in the table."""
        mine = f"keras on {self.engine}" if self.backend == "keras" else self.backend
        other = f"keras.fit on {self.engine}" if self.native == "keras" else self.native
        options = ("" if self.jit == "False" else f", jit={self.jit}") + ("" if self.onednn else ", own kernels")
        return f"{mine}{options} / {other}"


# the Trainer beside a loop by hand; Keras' own loop is `fit`
BY_HAND = (
    Pair("torch", "torch", "torch", 1.0, 0.95, NAMES),
    Pair("tensorflow", "tensorflow", "tensorflow", 1.0, 0.95, NAMES),
    Pair("keras", "keras", "tensorflow", 1.0, 0.95, NAMES),
    Pair("keras", "keras", "torch", 1.0, 0.95, NAMES),
)
# what the compiler adds, beside the same loops, which have none; one convolutional network, for on a CPU XLA is no good at these
COMPILED = (Pair("tensorflow", "tensorflow", "tensorflow", None, None, ("mlp", "cnn", "gpt", "recommender"), "True"),)
# the Trainer beside the loop by hand where TensorFlow's kernels are its own: oneDNN's want instructions that many processors lack
OWN_KERNELS = (Pair("tensorflow", "tensorflow", "tensorflow", 1.0, 0.95, NAMES, onednn=False),)
# small models, where a framework's own driver costs more than the mathematics
ON_SMALL = (
    Pair("keras", "keras", "tensorflow", 2.0, None, SMALL),
    Pair("tensorflow", "keras", "tensorflow", 2.0, None, SMALL),
    Pair("keras", "keras", "torch", 1.5, None, SMALL),
    Pair("torch", "keras", "torch", 2.0, None, SMALL),
    Pair("torch", "lightning", "torch", 1.5, None, SMALL),
    Pair("torch", "lightning-batched", "torch", None, None, SMALL),
)


def native_side(work: Workload, native: str) -> Any:
    """The loop by hand."""
    module, _, form = native.partition("-")
    options = {form: True} if form else {}
    if work.trainer is not None:
        return work.hand(module).Side(work)
    return importlib.import_module(f"tests.benchmarks.native.{module}").Side(work, **options)

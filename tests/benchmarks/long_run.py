"""10,000 steps of a small model: whether memory stays flat. And whether a last partial batch costs a new trace. Prints JSON.

    python -m tests.benchmarks.long_run BACKEND [STEPS]

Resident memory (/proc/self/statm) is read when an epoch ends. Growth is that of the second half, after caches and arenas are filled.
Traces are counted by a layer of one's own that counts how often Python runs its forward: in a graph once for each trace.
"""

from __future__ import annotations

import gc
import json
import os
import sys

import numpy as np

import unidl
from tests.benchmarks.workload import workload
from unidl import callbacks, layers, optimizers


class Watch(callbacks.Callback):
    def __init__(self) -> None:
        self.mb: list[float] = []

    def on_epoch_end(self, trainer: unidl.Trainer, numbers: dict[str, float]) -> None:
        gc.collect()
        with open("/proc/self/statm") as file:
            self.mb.append(int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20)


class Counted(unidl.Layer):
    """The input, and a count."""

    calls = 0

    def forward(self, x):
        Counted.calls += 1
        return x


def growth(backend: str, steps: int) -> dict[str, float]:
    work = workload("tabular")
    x, y = work.data()
    x, y = x[: 20 * work.batch], y[: 20 * work.batch]
    watch = Watch()
    trainer = unidl.Trainer(work.model(), loss="mse", optimizer=optimizers.Adam(1e-3), backend=backend)
    history = trainer.fit(x, y, epochs=steps // 20, batch_size=work.batch, callbacks=[watch], progress=False)
    half = watch.mb[len(watch.mb) // 2]
    return {"steps": len(history.step_loss), "half_mb": half, "end_mb": watch.mb[-1], "growth_mb": watch.mb[-1] - half}


def traces(backend: str) -> dict[str, int]:
    """Python's runs of a forward in three epochs of four whole batches, and of four and a partial one."""
    found = {}
    for name, examples in (("whole", 64), ("partial", 70)):
        Counted.calls = 0
        model = unidl.Sequential([layers.Dense(4), Counted(), layers.Dense(1)])
        x = np.random.default_rng(0).normal(size=(examples, 3)).astype("float32")
        trainer = unidl.Trainer(model, loss="mse", backend=backend)
        steps = len(trainer.fit(x, x[:, :1], epochs=3, batch_size=16, progress=False).step_loss)
        found |= {f"{name}_steps": steps, f"{name}_runs": Counted.calls}
    return found


if __name__ == "__main__":
    backend, steps = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10_000
    print(json.dumps({**{k: round(v, 2) for k, v in growth(backend, steps).items()}, **traces(backend)}))

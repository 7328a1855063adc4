"""How soon a running fit heeds Ctrl-C and a loss that is no number. Prints JSON.

    python -m tests.benchmarks.control BACKEND [TIMES]

Ctrl-C is a SIGINT at a random moment of a long fit; the time runs from the signal to the exception. For the loss, one target is no number
(an input may be lost in a ReLU: oneDNN's, which TensorFlow uses, gives 0 for it); the time runs from the end of the step that met it, as a callback of another run with the same steps would see it, to the
end of `fit`, which in steps of the same length is what it went on for.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import threading
import time
import warnings

import numpy as np

import unidl
from tests.benchmarks.ours import Side
from tests.benchmarks.workload import workload
from unidl.errors import TrainingInterrupted


def ctrl_c(side: Side, wait: float) -> float:
    sent = 0.0

    def press() -> None:
        nonlocal sent
        sent = time.perf_counter()
        os.kill(os.getpid(), signal.SIGINT)

    timer = threading.Timer(wait, press)
    timer.start()
    try:
        side.fit(10_000)
    except TrainingInterrupted:
        return time.perf_counter() - sent
    raise AssertionError("the fit came to its end")


def no_number(side: Side, example: int) -> float:
    targets = side.targets.copy()
    targets[example] = np.nan
    trainer = unidl.Trainer(side.work.model(), loss=side.work.loss, backend=side.backend)
    options = {"batch_size": side.work.batch, "shuffle": False, "progress": False}
    trainer.fit(side.inputs, side.targets, epochs=3, **options)  # traces, and the pace
    started = time.perf_counter()
    trainer.fit(side.inputs, side.targets, epochs=3, **options)
    step = (time.perf_counter() - started) / (3 * len(targets) // side.work.batch)
    started = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer.fit(side.inputs, targets, epochs=1000, **options)
    return max(0.0, time.perf_counter() - started - step * (example // side.work.batch + 1))


def main(backend: str, times: int) -> None:
    side = Side(workload("tabular"), backend)
    side.fit(3)
    draw = random.Random(0)
    interrupts = [ctrl_c(side, draw.uniform(0.3, 0.9)) for _ in range(times)]
    losses = [no_number(side, draw.randrange(len(side.targets))) for _ in range(times)]
    told = {}
    for name, found in (("ctrl_c", interrupts), ("nonfinite", losses)):
        told |= {f"{name}_median": float(np.median(found)), f"{name}_max": max(found)}
    print(json.dumps({"times": times, **{key: round(value, 3) for key, value in told.items()}}))


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 10)

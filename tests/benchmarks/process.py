"""One side in a process of its own: its peak memory, or its time to the first step. Prints JSON.

    python -m tests.benchmarks.process memory|first WORKLOAD SIDE BACKEND

SIDE is "unidl" or a module of `native`. Memory is what the process' largest resident set (ru_maxrss, as the kernel counts it) grew by
between the frameworks' import and the end of training: data, weights, optimizer, activations, compiled graphs. The time to the first
step runs from the interpreter's start to the loss of the first step on the host, imports included; beside it, the part after
the imports.
"""

from __future__ import annotations

import dataclasses
import importlib
import json
import resource
import sys
import time
from typing import Any

from tests.benchmarks.workload import Workload, workload


def started() -> float:
    """When the interpreter of this process started, by the clock of time.time()."""
    with open("/proc/self/stat") as file:
        ticks = int(file.read().rpartition(")")[2].split()[19])
    with open("/proc/uptime") as file:
        up = float(file.read().split()[0])
    return time.time() - up + ticks / 100


def imported(side: str, backend: str) -> None:
    """What a script would have imported before its first line of its own."""
    importlib.import_module({"unidl": backend, "lightning": "pytorch_lightning"}.get(side, side))
    if side == "unidl":
        importlib.import_module(f"unidl.backends.{backend}")


def made(side: str, work: Workload, backend: str) -> Any:
    if side == "unidl":
        return importlib.import_module("tests.benchmarks.ours").Side(work, backend)
    return importlib.import_module(f"tests.benchmarks.native.{side}").Side(work)


def peak() -> float:
    """Megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(work: Workload, side: str, backend: str, epochs: int) -> dict[str, float]:
    imported(side, backend)
    before = peak()
    held = work.data()  # as in a script, whose arrays stay: a loop by hand that drops them would be let off
    made(side, dataclasses.replace(work, data=lambda: held), backend).fit(epochs)
    return {"mb": peak() - before, "imports_mb": before}


def first(work: Workload, side: str, backend: str) -> dict[str, float]:
    start = started()
    x, y = work.arrays()
    one = (tuple(a[: work.batch] for a in x), y[: work.batch])
    work = dataclasses.replace(work, data=lambda: one)
    imported(side, backend)
    ready = time.time()
    made(side, work, backend).fit(1)
    done = time.time()
    return {"seconds": done - start, "after_imports": done - ready}


if __name__ == "__main__":
    kind, name, side, backend = sys.argv[1:5]
    work = workload(name)
    found = memory(work, side, backend, max(2, work.epochs)) if kind == "memory" else first(work, side, backend)
    print(json.dumps({key: round(value, 4) for key, value in found.items()}))

"""One pair on one workload in one process: the two sides in turn, many short rounds. Started by run.py, prints JSON.

    python -m tests.benchmarks.pair KIND WORKLOAD BACKEND NATIVE ROUNDS JIT

KIND is "train", "predict-1" or "predict-large". The sides change places from round to round, so that what the machine does beside
us falls on both alike; a round takes about half a second on the hand-written side, or one epoch where that is longer.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from tests.benchmarks.ours import Side
from tests.benchmarks.sides import native_side
from tests.benchmarks.workload import Workload, workload

LEAST = 0.4  # seconds in a round, on the hand-written side


def one_thread() -> None:
    """TensorFlow and OpenMP are told by variables; torch has a call of its own beside."""
    if os.environ.get("OMP_NUM_THREADS") == "1" and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)


def seconds(job: Callable[[int], object], times: int) -> tuple[float, float]:
    """By the clock on the wall, and of this process' processor time."""
    wall, processor = time.perf_counter(), time.process_time()
    job(times)
    return time.perf_counter() - wall, time.process_time() - processor


def training(work: Workload, backend: str, native: str, jit: bool | str) -> tuple[Callable, Callable, int]:
    """What a round does on each side, and the steps in one unit of it (an epoch)."""
    steps = len(work.arrays()[1]) // work.batch
    return Side(work, backend, jit=jit).fit, native_side(work, native).fit, steps


def inference(work: Workload, backend: str, native: str, examples: int) -> tuple[Callable, Callable, int]:
    """NumPy in, NumPy out, one batch after the other."""
    mine, other = Side(work, backend).build(), native_side(work, native)
    inputs, _ = work.arrays()
    # the batch itself is made before the clock runs; data of fewer examples is repeated
    batch = [np.resize(a, (examples, *a.shape[1:])) for a in inputs]

    def run(side):
        def job(times: int) -> None:
            for _ in range(times):
                side.predict(*batch)

        return job

    return run(mine), run(other), 1


Round = tuple[tuple[float, float], tuple[float, float]]  # mine, by hand: each wall and processor seconds


def measure(mine: Callable, other: Callable, rounds: int, least: float) -> tuple[list[Round], int]:
    """The rounds, and the units in each."""
    for job in (other, mine, other, mine):  # traces, caches, compilers
        job(1)
    times = 1
    while (took := seconds(other, times)[0]) < least:
        times = max(times + 1, int(times * min(least * 1.2 / took, 20)))
    pairs = []
    for number in range(rounds):
        if number % 2:
            a = seconds(mine, times)
            b = seconds(other, times)
        else:
            b = seconds(other, times)
            a = seconds(mine, times)
        pairs.append((a, b))
    return pairs, times


def main(kind: str, name: str, backend: str, native: str, rounds: int, jit: str) -> None:
    work = workload(name)
    if kind == "train":
        mine, other, steps = training(work, backend, native, {"False": False, "True": True}.get(jit, jit))
    else:
        mine, other, steps = inference(work, backend, native, 1 if kind == "predict-1" else work.large)
    one_thread()
    pairs, times = measure(mine, other, rounds, float(os.environ.get("UNIDL_BENCH_ROUND", LEAST)))
    ratios = [b[0] / a[0] for a, b in pairs]
    a, b = (1000 * float(np.median([wall for wall, _ in side])) / (times * steps) for side in zip(*pairs, strict=True))
    result = {
        "kind": kind, "workload": name, "backend": backend, "native": native, "rounds": rounds, "steps": times * steps,
        "ratios": [round(ratio, 4) for ratio in ratios], "cpu_ratio": float(np.median([b[1] / a[1] for a, b in pairs])),
        "unidl_ms": a, "native_ms": b, "jit": jit, "load": os.getloadavg()[0],
    }  # fmt: skip
    print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in result.items()}))


if __name__ == "__main__":
    main(*sys.argv[1:5], int(sys.argv[5]), sys.argv[6])

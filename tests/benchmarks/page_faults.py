"""What it is worth that a Trainer lets glibc keep freed memory (unidl/training/allocation.py): faults and time of a step.

    python -m tests.benchmarks.page_faults [WORKLOAD] [BACKEND] [ROUNDS]

The two sides are processes of their own, in turn: with memory kept, and with glibc as it is out of the box, where a variable that
says nothing new (GLIBC_TUNABLES with a default) makes the Trainer leave it alone. KERAS_BACKEND chooses Keras' engine.
"""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import time

OUT_OF_THE_BOX = {"GLIBC_TUNABLES": "glibc.malloc.tcache_count=7"}


def child(name: str, backend: str) -> None:
    """Faults, milliseconds of processor time and by the clock, of one step after the first epoch; prints them."""
    from tests.benchmarks.ours import Side
    from tests.benchmarks.pair import one_thread
    from tests.benchmarks.workload import workload

    work = workload(name)
    side = Side(work, backend)
    one_thread()
    side.fit(1)
    steps = len(work.arrays()[1]) // work.batch
    epochs = max(1, 48 // steps)
    before, processor, wall = (
        resource.getrusage(resource.RUSAGE_SELF).ru_minflt,
        time.process_time(),
        time.perf_counter(),
    )
    side.fit(epochs)
    processor, wall = time.process_time() - processor, time.perf_counter() - wall
    faults = resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
    print(*(value / (steps * epochs) for value in (faults, 1000 * processor, 1000 * wall)))


def main(name: str = "unet", backend: str = "torch", rounds: str = "5") -> None:
    threads = {"OMP_NUM_THREADS": "1", "TF_NUM_INTRAOP_THREADS": "1", "TF_NUM_INTEROP_THREADS": "1"}
    sides: dict[str, list[list[float]]] = {"kept": [], "out of the box": []}
    for _ in range(int(rounds)):
        for title, extra in (("kept", {}), ("out of the box", OUT_OF_THE_BOX)):
            environment = {**os.environ, **threads, **extra}
            ran = subprocess.run(
                [sys.executable, "-m", "tests.benchmarks.page_faults", "child", name, backend],
                env=environment, capture_output=True, text=True, check=True,
            )  # fmt: skip
            sides[title].append([float(word) for word in ran.stdout.split()])
    for title, found in sides.items():
        faults, processor, wall = (statistics.median(column) for column in zip(*found, strict=True))
        print(
            f"{name} on {backend}, {title}: {faults:.0f} page faults, {processor:.1f} ms of processor, {wall:.1f} ms a step"
        )


if __name__ == "__main__":
    child(*sys.argv[2:]) if sys.argv[1:2] == ["child"] else main(*sys.argv[1:])

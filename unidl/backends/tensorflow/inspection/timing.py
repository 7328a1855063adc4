"""How long TensorFlow takes."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.tsl.profiler.protobuf import xplane_pb2

from unidl.backends.tensorflow.program import build
from unidl.inspection.inspection import Event
from unidl.inspection.program import Program
from unidl.inspection.timing import Timing

ROUNDS, FEW, ENOUGH = 12, 3, 1.0  # runs that are timed: so many, or at least a few and then until it took a second
TRIALS = 3  # how often the building is measured


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function as TensorFlow runs a training step: traced into a graph at its first call, for tensors of these shapes."""
    traced = tf.function(function, autograph=False)
    made: list[Any] = []

    def run(*args: Any) -> Any:
        if not made:  # called itself, a tf.function warns of many traces where many layers are looked at
            made.append(traced.get_concrete_function(*args))
        return made[0](*args)

    return run


def building(program: Program) -> Event:
    """Making the modules and variables from the plan; nothing is traced yet."""
    taken, variables = [], 0
    for _ in range(TRIALS):
        started = time.perf_counter()
        made = build(program.plan, device=program.native.unidl.device, natives={})
        taken.append(time.perf_counter() - started)
        variables = len(made.variables)
    return Event(
        "building", "make the tf.Modules and their variables; nothing is traced yet", variables, Timing.of(taken)
    )


def kernels(run: Callable[[], Any]) -> tuple[dict[str, list[float]], int]:
    """Seconds that each kernel takes in each of some runs, as TensorFlow's own profiler tells, and how many runs there were.

    {"dense/MatMul": seconds in order}; empty where somebody else profiles the process already.
    """
    options = tf.profiler.experimental.ProfilerOptions(
        host_tracer_level=3, python_tracer_level=0, device_tracer_level=0
    )
    found: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        try:
            tf.profiler.experimental.start(folder, options)
        except tf.errors.AlreadyExistsError:
            return {}, 0
        try:
            rounds = len(_timed(run))
        finally:
            tf.profiler.experimental.stop()
        for path in Path(folder).rglob("*.xplane.pb"):
            for plane in xplane_pb2.XSpace.FromString(path.read_bytes()).planes:
                names = {key: value.name for key, value in plane.event_metadata.items()}
                events = [event for line in plane.lines for event in line.events]
                for event in sorted(events, key=lambda event: event.offset_ps):
                    name, _, kind = names[event.metadata_id].rpartition(":")  # "dense/MatMul:MatMul"
                    if name and kind.isidentifier():
                        found.setdefault(name, []).append(event.duration_ps / 1e12)
    return found, rounds


def seconds(run: Callable[[], Any]) -> Timing:
    """How long a run takes that has run before."""
    return Timing.of(_timed(run))


def _timed(run: Callable[[], Any]) -> list[float]:
    """Seconds of several runs: fewer where one is long."""
    found: list[float] = []
    while len(found) < FEW or (len(found) < ROUNDS and sum(found) < ENOUGH):
        started = time.perf_counter()
        run()
        tf.test.experimental.sync_devices()
        found.append(time.perf_counter() - started)
    return found

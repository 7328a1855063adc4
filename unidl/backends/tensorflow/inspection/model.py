"""What a model became."""

from __future__ import annotations

import time
from typing import Any

from unidl.backends.tensorflow.generator import random_state
from unidl.backends.tensorflow.inspection.changes import changes
from unidl.backends.tensorflow.inspection.layers import layers, owners
from unidl.backends.tensorflow.inspection.timing import TRIALS, building, seconds
from unidl.backends.tensorflow.inspection.watching import watch
from unidl.backends.tensorflow.program import run
from unidl.backends.tensorflow.tracing import current_layer
from unidl.graph.node import leaves, map_nest
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program
from unidl.inspection.timing import Timing
from unidl.inspection.watched import Watched


def inspect_model(program: Program) -> Picture:
    """The modules, the graph that is traced once, and what becomes of it."""
    with random_state(0):  # copies may draw; afterwards the process' generator is where it was
        return _inspected(program)


def _inspected(program: Program) -> Picture:
    trial = program.trial()
    place = object()
    tensors = [leaf for leaf in leaves(program.calls[0]) if _is_tensor(leaf)]
    blank = map_nest(lambda leaf: place if _is_tensor(leaf) else leaf, program.calls[0])

    def function(*given: Any) -> Any:
        rest = iter(given)
        args, kwargs = map_nest(lambda leaf: next(rest) if leaf is place else leaf, blank)
        return run(trial.native(), args, kwargs, False)

    picture = watch(
        Watched(
            "graph",
            "The data-flow graph that forward was traced into",
            trial.run,
            current_layer,
            paths=[part.path for part in program.plan.walk()],
            owners=owners(program.plan, trial.native()),
            function=function if program.compiler else None,
            tensors=tensors,
        )
    )
    facts = {
        **picture.facts,
        "traces": told_traces(program.native),
        "traces_of_the_copy": told_traces(trial.native()),
    }
    return Picture(
        (layers(program), *picture.graphs),
        events=events(program, int(facts["kernels"]), "forward"),
        changes=changes(program),
        facts=facts,
        notes=picture.notes,
    )


def told_traces(native: Any) -> list[dict[str, Any]]:
    """The traces of the user's own module, each with what made it necessary; what inspection traced is not among them."""
    return [{"kind": trace.kind, "why": trace.why, "seconds": trace.seconds} for trace in native.traces]


def events(program: Program, kernels: int, what: str) -> tuple[Event, ...]:
    """What happens once, and what each time: measured on copies that nobody watches."""
    tracing, first = [], []
    for _ in range(TRIALS):
        trial = program.trial()
        started = time.perf_counter()
        trial.run()
        taken = time.perf_counter() - started
        traced = sum(trace.seconds for trace in trial.native().traces)
        tracing.append(traced)
        first.append(max(taken - traced, 0.0))
    steady = seconds(trial.run)
    once = [max(taken - steady.median, 0.0) for taken in first]
    return (
        building(program),
        Event(
            "building", f"trace {what} into a graph: Python runs once", len(trial.native().traces), Timing.of(tracing)
        ),
        Event("building", "optimise the graph and choose kernels, in the first call", 1, Timing.of(once)),
        Event("running", f"call one function of {kernels} kernels: no Python runs in it", 1, steady),
    )


def _is_tensor(leaf: Any) -> bool:
    return hasattr(leaf, "shape") and hasattr(leaf, "dtype")

"""What one whole training step is: Keras' layers and variables, the gradient and the kernels of the engine beneath."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.generator import random_state
from unidl.backends.keras.inspection.changes import TRACES, changes
from unidl.backends.keras.inspection.compiler import told_compile
from unidl.backends.keras.inspection.layers import config_of, layers
from unidl.backends.keras.inspection.timing import TRIALS, building, once, seconds, without_warnings
from unidl.backends.keras.inspection.watching import watch, watching
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program
from unidl.inspection.timing import Timing

TITLE = "One training step of the Keras model, as the engine {engine} has it: forward, loss, gradients, the optimizer's kernels"


JIT = "The Trainer compiles its steps: what is shown is the same step as it runs without XLA."


def inspect_step(program: Program) -> Picture:
    """The step of a Trainer, in four lanes."""
    with without_warnings(), random_state(0, program.native.unidl.device):  # copies may draw
        return _inspected(program)


def _inspected(program: Program) -> Picture:
    trial = program.trial()
    title = TITLE.format(engine=ENGINE)
    beneath = watch(watching(program.plan, trial.native(), "step", title, trial.run, lane=trial.lane))
    facts: dict[str, Any] = {
        "engine": ENGINE,
        "config": config_of(program.native),
        "compile": told_compile(program.native),
        "beneath": dict(beneath.facts),
    }
    return Picture(
        (layers(program), *beneath.graphs),
        events=(*_events(program, beneath.facts.get("kernels")), *beneath.events),
        changes=changes(program),
        facts=facts,
        notes=(*beneath.notes, *((JIT,) if program.jit else ())),
    )


def _events(program: Program, kernels: int | None) -> tuple[Event, ...]:
    """What happens once, and what each time: measured on copies that nobody watches."""
    first = []
    for _ in range(TRIALS):
        trial = program.trial()
        first.append(once(trial.run))
    steady = seconds(trial.run)
    started = Timing.of([max(taken - steady.median, 0.0) for taken in first])
    if TRACES:
        return (
            building(program),
            Event(
                "building",
                "trace the step into TensorFlow's graph, optimise it, choose kernels: in the first call",
                1,
                started,
            ),
            Event("running", f"call one function of {kernels} kernels: no Python runs in it", 1, steady),
        )
    what = f"Python calls each layer, the gradient and the optimizer; {kernels or 'their'} kernels run one by one"
    return (
        building(program),
        Event("building", "the first step: the optimizer's states are made; nothing is traced", 1, started),
        Event("running", what, kernels, steady),
    )

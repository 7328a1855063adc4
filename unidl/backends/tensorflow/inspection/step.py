"""What one whole training step is."""

from __future__ import annotations

from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.generator import random_state
from unidl.backends.tensorflow.inspection.changes import changes
from unidl.backends.tensorflow.inspection.compiler import compiled_step
from unidl.backends.tensorflow.inspection.layers import layers, owners
from unidl.backends.tensorflow.inspection.model import events, told_traces
from unidl.backends.tensorflow.inspection.watching import watch
from unidl.backends.tensorflow.tracing import current_layer
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program
from unidl.inspection.watched import Watched

JIT = (
    "The Trainer compiles its steps: 'step' and 'optimized' show the same step as it runs without XLA, 'xla' what runs. "
    "XLA must know all lengths: another batch size, or data of another length, is traced and compiled anew."
)


def inspect_step(program: Program) -> Picture:
    """The graph of a Trainer's step: the gradients and the optimizer's kernels stand in the same graph as the model."""
    with random_state(0):  # copies draw; afterwards the process' generator is where it was
        return _inspected(program)


def _inspected(program: Program) -> Picture:
    trial = program.trial()
    picture = watch(
        Watched(
            "step",
            "One training step, traced into one graph: forward, loss, TensorFlow's gradients, the optimizer's kernels",
            trial.run,
            current_layer,
            trial.lane,
            [part.path for part in program.plan.walk()],
            owners(program.plan, trial.native()),
        )
    )
    facts: dict[str, Any] = {
        **picture.facts,
        "traces": told_traces(program.native),
        "traces_of_the_copy": told_traces(trial.native()),
    }
    graphs, notes = [layers(program), *picture.graphs], [*picture.notes]
    if program.jit:
        notes.append(JIT)
    if program.compiler and program.compiled is not None:
        try:
            graph, facts["xla"] = compiled_step(program.compiled())
            graphs.append(graph)
        except (tf.errors.OpError, ValueError) as error:
            notes.append(f"XLA does not compile it: {str(error).splitlines()[0][:300]}")
    events_ = (*events(program, int(facts["kernels"]), "the step"), *picture.events)
    return Picture(tuple(graphs), events_, changes(program), facts, tuple(notes))

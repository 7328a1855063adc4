"""What a model became in Keras: its layers, its own functional graph, and what the engine beneath computes."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.generator import random_state
from unidl.backends.keras.inspection.changes import TRACES, changes
from unidl.backends.keras.inspection.compiler import predict_function, told_compile
from unidl.backends.keras.inspection.layers import config_of, functional, layers
from unidl.backends.keras.inspection.timing import building, seconds, staged, without_warnings
from unidl.backends.keras.inspection.watching import watch, watching
from unidl.backends.keras.module import Adapter
from unidl.backends.keras.program import run
from unidl.backends.keras.tensor import is_tensor
from unidl.graph.node import leaves, map_nest
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program

GRAPH = "The data-flow graph beneath the Keras model, as TensorFlow traces a call of it; each node with its Keras layer"
AT_ONCE = "The operations that the engine {engine} runs for one call, each with its Keras layer"


def inspect_model(program: Program) -> Picture:
    """Keras' layers, and what lies beneath."""
    with without_warnings(), random_state(0, program.native.unidl.device):  # copies may draw
        return _inspected(program)


def _inspected(program: Program) -> Picture:
    beneath, at_once = _traced(program) if TRACES else None, _called(program)
    predicted, more, changed = predict_function(program)
    kernels = at_once.facts.get("kernels")
    facts: dict[str, Any] = {
        "engine": ENGINE,
        "kind": "subclassed keras.Model" if isinstance(program.native, Adapter) else "functional keras.Model",
        "config": config_of(program.native),
        "compile": told_compile(program.native),
        "predict_function": predicted,
        "beneath": dict((beneath or at_once).facts),
        "kernels_at_once": kernels,
    }
    graphs = [layers(program), functional(program), *(beneath or at_once).graphs]
    return Picture(
        tuple(graph for graph in graphs if graph is not None),
        events=(*_events(program, beneath, kernels), *more),
        changes=(*changes(program), *changed),
        facts=facts,
        notes=(*at_once.notes, *(beneath.notes if beneath else ())),
    )


def _called(program: Program) -> Picture:
    """What the engine runs when unidl calls the model: nothing is traced."""
    trial = program.trial()
    name = "graph" if TRACES else "operations"
    return watch(watching(program.plan, trial.native(), name, AT_ONCE.format(engine=ENGINE), trial.run))


def _traced(program: Program) -> Picture:
    """The same call in a graph, as Keras' own functions and a Trainer's loop have it."""
    native = program.trial().native()
    place = object()
    tensors = [leaf for leaf in leaves(program.calls[0]) if is_tensor(leaf)]
    blank = map_nest(lambda leaf: place if is_tensor(leaf) else leaf, program.calls[0])

    def function(*given: Any) -> Any:
        rest = iter(given)
        args, kwargs = map_nest(lambda leaf: next(rest) if leaf is place else leaf, blank)
        return run(native, args, kwargs, False)

    compiled = {"function": function, "tensors": tensors} if program.compiler else {}
    traced = staged(function)
    return watch(watching(program.plan, native, "graph", GRAPH, lambda: traced(*tensors), **compiled))


def _events(program: Program, beneath: Picture | None, kernels: int | None) -> list[Event]:
    """What happens once, and what each time: measured on copies that nobody watches."""
    trial = program.trial()
    trial.run()
    what = "call the Keras model: Python calls each layer" + (
        f", and {kernels} kernels run one by one" if kernels else ""
    )
    found = [
        building(program),
        Event("running", what, kernels, seconds(trial.run)),
    ]
    if beneath is not None:
        inside = f"in a tf.function (Keras' predict, a Trainer's loop) the same call is {beneath.facts['kernels']} kernels in a graph"
        found.append(Event("running", inside, beneath.facts["kernels"]))
    return found

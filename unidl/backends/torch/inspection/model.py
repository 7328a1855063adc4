"""What a model is in torch: modules, the operations that a call really ran, and what it wrote down for its gradient."""

from __future__ import annotations

from typing import Any

from unidl.backends.torch.inspection import compiler
from unidl.backends.torch.inspection.autograd import autograd_graph, saved_bytes
from unidl.backends.torch.inspection.changes import changes
from unidl.backends.torch.inspection.layers import layers
from unidl.backends.torch.inspection.operations import Layers, Recorder
from unidl.backends.torch.inspection.timing import building, calls
from unidl.inspection.graph import Graph
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program, Trial

TITLE = "aten: the operations that this call ran, one by one"
ALIASED = "The same tensor under another name (detach, lift_fresh) is no node."


def inspect_model(program: Program) -> Picture:
    graphs = [layers(program)]
    facts: dict[str, Any] = {}
    for which in range(len(program.calls)):
        more = f" {which + 1}" if which else ""
        trial = program.trial()
        recorder, outputs, own = _recorded(trial, which)
        graphs += [autograd_graph(outputs, own, f"autograd{more}"), recorder.graph(f"aten{more}", TITLE, ALIASED)]
        facts[f"call{more}"] = {
            **counted(recorder),
            "autograd": len(graphs[-2].nodes),
            "saved_bytes": saved_bytes(outputs),
        }
    if len(program.calls) > 1:
        facts["difference"] = _difference(graphs)
    events = [building(program), running(facts["call"], calls(program.trial()))]
    if program.compiler:
        capture, graph = compiler.capture_of(program.trial())
        graphs.append(graph)
        facts["compile"] = compiled(capture)
    return Picture(tuple(graphs), tuple(events), changes(program), facts)


def _recorded(trial: Trial, which: int) -> tuple[Recorder, Any, Layers]:
    own = Layers(trial.native())
    with own.watched(), Recorder(own, trial.lane) as recorder:
        outputs = trial.run(which)
    return recorder, outputs, own


def counted(recorder: Recorder) -> dict[str, Any]:
    """How many operations ran."""
    return {
        "operations": recorder.operations,
        "kernels": recorder.kernels,
        "views": recorder.views,
        "aliases": recorder.aliases,
        "waits": sum(node.op == "aten._local_scalar_dense" for node in recorder.nodes.values()),
    }


def running(found: dict[str, Any], seconds: Any) -> Event:
    """What happens at each call."""
    what = f"Python calls the modules, and {found['operations']} aten operations one by one: {found['kernels']} kernels, {found['views']} views"
    return Event("running", what, found["operations"], seconds)


def compiled(capture: compiler.Capture) -> dict[str, Any]:
    """What torch.compile's front end made of a call, as JSON."""
    return {
        "graphs": len(capture.graphs),
        "operations": compiler.operations(capture),
        "guards": sum(capture.guards),
        "breaks": capture.breaks(),
    }


def _difference(graphs: list[Graph]) -> dict[str, Any]:
    """For each kind of graph, what one call has more of than the other: "layer: op" -> [first, second]."""
    named = {graph.name: graph for graph in graphs}
    found: dict[str, Any] = {}
    for name, graph in named.items():
        kind, _, number = name.partition(" ")
        if number:
            found[name] = {
                f"{layer or '(model)'}: {op}": list(counts)
                for (layer, op), counts in named[kind].difference(graph).items()
            }
    return found

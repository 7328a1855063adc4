"""One whole training step in torch: every operation that runs, in its lane."""

from __future__ import annotations

from typing import Any

from unidl.backends.torch.inspection import compiler
from unidl.backends.torch.inspection.changes import changes
from unidl.backends.torch.inspection.layers import layers
from unidl.backends.torch.inspection.model import ALIASED, compiled, counted, running
from unidl.backends.torch.inspection.operations import Layers, Recorder
from unidl.backends.torch.inspection.timing import building, calls, lanes
from unidl.inspection.graph import LANES
from unidl.inspection.inspection import Event
from unidl.inspection.picture import Picture
from unidl.inspection.program import Program

TITLE = "torch: the aten operations of one training step, in the order in which they ran"
NOTE = f"{ALIASED} Operations without a lane take the batch, and measure."


def inspect_step(program: Program) -> Picture:
    trial = program.trial()
    trial.run()  # the first step of an optimizer makes its state
    own = Layers(trial.native())
    with own.watched(), Recorder(own, trial.lane) as recorder:
        trial.run()
    step = recorder.graph("step", TITLE, NOTE)
    facts: dict[str, Any] = {"step": counted(recorder)}
    graphs = [layers(program), step]
    events = [building(program), running(facts["step"], calls(program.trial()))]
    seconds = lanes(program.trial(), marked=bool(program.calls))
    for lane in LANES:
        operations = sum(node.lane == lane for node in step.nodes)
        events.append(Event("running", f"{lane}: {operations} operations", operations, seconds[lane]))
    if program.compiler:
        capture, graph = compiler.capture_of(program.trial())
        graphs.append(graph)
        facts["compile"] = compiled(capture)
    return Picture(tuple(graphs), tuple(events), changes(program), facts)

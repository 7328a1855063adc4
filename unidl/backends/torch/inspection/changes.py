"""What changing a program in mid-run means in torch, counted before and after: as it runs, and under torch.compile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext

from torch import nn

from unidl.backends.torch.inspection.compiler import Capture, captured, recompiles
from unidl.backends.torch.inspection.operations import Layers, Recorder
from unidl.inspection.inspection import Change
from unidl.inspection.program import Program, Trial


def changes(program: Program) -> tuple[Change, ...]:
    """Each of the program's variations."""
    return program.changes(lambda name, make: _change(name, make, program))


def _change(name: str, make: Callable[[], Trial], program: Program) -> Change:
    trial = make()
    before, modules, first = trial.native(), _modules(trial), _operations(trial)
    trial.change()
    rebuilt = trial.native() is not before
    kept = sum(id(module) in modules for module in trial.native().modules())
    then = _operations(trial)
    if rebuilt:
        why = f"The root is another module, made anew; {kept} of {len(modules)} modules are the ones that were there."
    else:
        why = f"The same {len(modules)} modules are called: {first} aten operations before, {then} after."
    effect = "rebuild" if rebuilt else "nothing"
    if program.compiler:
        more, sentence = _compiled(make())
        why = f"{why} {sentence}"
        if program.jit and more and not rebuilt:
            effect = "recompile"
    return Change(name, effect, why)


def _modules(trial: Trial) -> dict[int, nn.Module]:
    return {id(module): module for module in trial.native().modules()}  # kept, so that no id is used again


def _operations(trial: Trial) -> int:
    trial.run()  # the first step of an optimizer makes its state
    layers = Layers(trial.native())
    with layers.watched(), Recorder(layers, trial.lane) as recorder:
        trial.run()
    return recorder.operations


def _compiled(trial: Trial) -> tuple[int, str]:
    """How many graphs more torch.compile makes of it, and a sentence on it."""
    capture, native = Capture(), trial.native()
    with captured(native, capture):
        trial.run()
        first, told = len(capture.graphs), len(recompiles())
        trial.change()
        rebuilt = trial.native() is not native
        with captured(trial.native(), capture) if rebuilt else nullcontext():
            trial.run()
            more = len(capture.graphs) - first
            trial.run()
            again = len(capture.graphs) - first - more
    reasons = recompiles()[told:]
    text = f"Under torch.compile: {_graphs(first)} captured before, {more} more at the call after it"
    text += f" and {again} more at the next" if again else ""
    why = f" ({reasons[0]})" if reasons and more + again and not rebuilt else ""
    return more + again, f"{text}{why}."


def _graphs(number: int) -> str:
    return f"{number} graph{'' if number == 1 else 's'}"

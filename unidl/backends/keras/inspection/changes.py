"""What changing a program in mid-run means here, counted before and after."""

from __future__ import annotations

from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.inspection.watching import traces_in, watching
from unidl.inspection.inspection import Change
from unidl.inspection.program import Program, Trial

TRACES = ENGINE == "tensorflow"  # on the others a step is Python


def changes(program: Program) -> tuple[Change, ...]:
    """One for each variation of the program."""
    return program.changes(lambda name, make: _varied(program, name, make()))


def _varied(program: Program, name: str, trial: Trial) -> Change:
    native = trial.native()
    before = traces_in(watching(program.plan, native, "step", "", trial.run, lane=trial.lane))
    trial.change()
    made = traces_in(watching(program.plan, native, "step", "", trial.run, lane=trial.lane))
    if trial.native() is not native:
        again = f", traced {_times(made)}" if made else ""
        return Change(name, "rebuild", f"There is another Keras model{again}; layers that stay keep their variables.")
    return Change(name, "retrace" if made else "nothing", _why(program, before, made))


def _why(program: Program, before: int, made: int) -> str:
    if program.subject == "model":
        return "unidl calls the Keras model as it is: nothing is traced, before or after."
    if not TRACES:
        return f"On the engine {ENGINE} a step is Python: nothing is traced, before or after."
    return f"The Trainer's loop was traced {_times(before)} before, and {_times(made)} again after."


def _times(traces: int) -> str:
    return {0: "not", 1: "once"}.get(traces, f"{traces} times")

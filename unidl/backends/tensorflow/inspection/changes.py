"""What changing a program in mid-run means here, counted before and after."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from unidl.backends.tensorflow.program import run
from unidl.errors import UnidlError
from unidl.graph.node import map_nest
from unidl.inspection.inspection import Change
from unidl.inspection.program import Arguments, Program, Trial

REFUSED = (UnidlError, tf.errors.OpError, ValueError, TypeError)


def changes(program: Program) -> tuple[Change, ...]:
    """One for each variation of the program, and for a model what other calls of its module mean."""
    found = [*program.changes(lambda name, make: _varied(name, make()))]
    if program.subject == "model" and program.variations:
        found += _calls(program)
    return tuple(found)


def _varied(name: str, trial: Trial) -> Change:
    trial.run()
    native = trial.native()
    before = len(native.traces)
    trial.change()
    trial.run()
    if trial.native() is not native:
        traces = len(trial.native().traces)
        return Change(
            name,
            "rebuild",
            f"There is another tf.Module, traced anew ({_times(traces)}); other layers keep their variables.",
        )
    return _counted(name, before, native)


def _counted(name: str, before: int, native: Any) -> Change:
    """What the traces of a module tell."""
    made = native.traces[before:]
    if not made:
        return Change(name, "nothing", f"The same graph runs: {_times(before)} before, {_times(before)} after.")
    why = "; ".join(dict.fromkeys(trace.why for trace in made))
    return Change(name, "retrace", f"{_times(before)} before, {_times(before + len(made))} after: {why}.")


def _calls(program: Program) -> list[Change]:
    """Calls of the native module that its first trace does not serve."""
    args, kwargs = program.calls[0]
    found = []
    for name, training, alter in CALLS:
        trial = program.trial()
        trial.run()
        native = trial.native()
        before = len(native.traces)
        try:
            given: Arguments = map_nest(
                lambda leaf, alter=alter: alter(leaf) if tf.is_tensor(leaf) else leaf, (args, kwargs)
            )
            run(native, *given, training)
        except REFUSED as error:
            found.append(Change(name, "refused", f"Tracing it anew fails: {_first_line(error)}"))
            continue
        found.append(_counted(name, before, native))
    return found


def _other_dtype(tensor: Any) -> Any:
    other = {tf.float32: tf.float64, tf.float64: tf.float32, tf.int32: tf.int64, tf.int64: tf.int32}
    return tf.cast(tensor, other.get(tensor.dtype, tf.float32))


CALLS: tuple[tuple[str, bool, Callable[[Any], Any]], ...] = (
    ("a call in training mode", True, lambda tensor: tensor),
    ("inputs of another dtype, past the model's door", False, _other_dtype),
    ("inputs with one axis more, past the model's door", False, lambda tensor: tf.expand_dims(tensor, 1)),
)


def _times(traces: int) -> str:
    return "1 trace" if traces == 1 else f"{traces} traces"


def _first_line(error: Exception) -> str:
    return next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:300]

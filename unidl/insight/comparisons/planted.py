"""A bug planted into a layer's forward, and a line for a debugger to stop at: when Python gets there, and what the traceback shows."""

from __future__ import annotations

import sys
import traceback
import warnings
from pathlib import Path
from types import FrameType
from typing import Any

from unidl.callbacks import Callback
from unidl.data import Source
from unidl.description.layer import Layer
from unidl.errors import NonFiniteWarning, UnidlError
from unidl.insight.comparisons.where import is_users, shortened
from unidl.training.trainer import Trainer

STEPS = 6
HEALTHY = 3  # steps before the bug


class PlantedError(Exception):
    """The bug."""


class Planted(Layer):
    """Stands in the place of a layer and does what that does, through Python code that a debugger can stop in.

    Args:
        inner: The layer.
    """

    armed = False  # of all there are: one is planted at a time

    def __init__(self, inner: Layer) -> None:
        self.inner = inner

    def forward(self, *inputs: Any) -> Any:
        """Call the layer, or fall over the bug."""
        if Planted.armed:
            raise PlantedError("a bug, planted in a forward")
        return self.inner(*inputs)


class _Debugger:
    """Counts how often a line of Planted.forward runs, as a breakpoint in it would be hit."""

    def __init__(self) -> None:
        self.hits = 0
        self._code = Planted.forward.__code__

    def __enter__(self) -> _Debugger:
        self._before = sys.gettrace()
        sys.settrace(self._trace)
        return self

    def __exit__(self, *_: object) -> None:
        sys.settrace(self._before)

    def _trace(self, frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_name == self._code.co_name and code.co_filename == self._code.co_filename:
            self.hits += 1


class _Until(Callback):
    """Ends a fit after some steps, and looks at each."""

    every_steps = 1

    def __init__(self, steps: int, armed_after: int | None = None) -> None:
        self.steps = steps
        self.armed_after = armed_after
        self.taken = 0

    def on_steps(self, trainer: Trainer, numbers: dict[str, float]) -> None:
        """One step more."""
        self.taken += 1
        if self.taken == self.armed_after:
            Planted.armed = True
        if self.taken >= self.steps:
            trainer.stop()


def debugged(trainer: Trainer, source: Source) -> dict[str, Any]:
    """Plant a layer into the model and try: the Trainer is of no other use afterwards.

    Raises:
        UnidlError: No layer of the model can be wrapped.
    """
    place = _plant(trainer)
    with _Debugger() as debugger:
        _train(trainer, source, _Until(STEPS))
    found: dict[str, Any] = {
        "place": place,
        "steps": STEPS,
        "hits": debugger.hits,
        "stops": _where_it_stops(debugger.hits),
    }
    until = _Until(STEPS, armed_after=HEALTHY)
    try:
        error = _train(trainer, source, until)
        if error is not None:
            found["arises"] = f"at run, in step {until.taken + 1}"
        else:
            found["arises"] = "at trace"
            Planted.armed = False
            trainer.model.replace(
                place, Planted(_inner(trainer.model.layers[place]))
            )  # a new program, the bug in it from the start
            Planted.armed = True
            error = _train(trainer, source, _Until(1))
    finally:
        Planted.armed = False
    if error is not None:
        found |= _traceback(error)
    return found


def _inner(planted: Layer) -> Layer:
    assert isinstance(planted, Planted)
    return planted.inner


def _plant(trainer: Trainer) -> str:
    """Wrap a layer, the last that lets itself be wrapped and has none inside; its place."""
    layers = trainer.model.layers
    refused: UnidlError | None = None
    for path in [path for path in reversed(list(layers)) if not any(other.startswith(f"{path}/") for other in layers)]:
        try:
            trainer.model.replace(path, Planted(layers[path]))
        except UnidlError as error:
            refused = error
            continue
        return path
    raise refused or UnidlError("The model has no layer in which a bug could be planted.")


def _train(trainer: Trainer, source: Source, until: _Until) -> Exception | None:
    """Some steps; the planted error where it came, as the framework hands it on."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", NonFiniteWarning)
            trainer.fit(source, epochs=2**31, callbacks=[until], progress=False, on_nonfinite="go on")
    except Exception as error:  # a framework may hand it on as an error of its own, which then quotes it
        if not Planted.armed:
            raise
        if not isinstance(error, PlantedError) and "planted in a forward" not in str(error):
            raise
        return error
    return None


def _where_it_stops(hits: int) -> str:
    if hits >= STEPS:
        return "in each step"
    if hits:
        return f"at trace only ({hits} of {STEPS} steps)"
    return "nowhere"


def _traceback(error: BaseException) -> dict[str, Any]:
    seen = error.__traceback__
    while seen is not None and Path(seen.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
        seen = seen.tb_next  # it begins with trainer.fit, as the user's own would
    frames = traceback.extract_tb(seen)
    text = "".join(traceback.format_exception(type(error), error, seen))
    return {
        "depth": len(frames),
        "own": sum(_is_users(frame.filename, frame.name) for frame in frames),
        "raised": type(error).__name__,
        "traceback": shortened(text)[-20000:],
    }


def _is_users(file: str, function: str) -> bool:
    """Whether a frame is in code of the user's; the planted forward stands for theirs."""
    if Path(file) == Path(__file__):
        return function == Planted.forward.__name__
    return is_users(file)

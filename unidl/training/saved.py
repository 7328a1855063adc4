"""A saved training as `Trainer.state` gives it and a file holds it: checked as a whole before anything is replaced by it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, TypeVar

from unidl.errors import FileError
from unidl.lazy_array import LazyArray, lazy
from unidl.training.compiling import Choice
from unidl.training.progress import Numbers, Progress

T = TypeVar("T")
# an optimizer's name, the path of the part whose weights move, the paths of the weights that are not frozen
Key = tuple[str, str, tuple[str, ...]]
MOST = 2**62  # of a counter


@dataclass(frozen=True)
class Saved:
    """A saved training whose parts have the types and lengths that they must have.

    Args:
        weights: Path -> array.
        frozen: Paths of frozen layers.
        kinds: Name of an optimizer that has taken a step -> its class.
        optimizers: (its name, path of the part, paths of its weights) -> its state, as Stepper.read gives it.
        steps_of: Name of an optimizer -> steps it took.
        learning_rates: Name of an optimizer -> its learning rate, where that was set after it was made.
        epoch: Epochs done.
        steps_taken: Optimizer steps done.
        seed: The Trainer's.
        backend: Name of the backend on which it was trained.
        generator: The state of the random generators there.
        choice: What jit="auto" chose.
        callbacks: (class, state) of each callback.
        progress: The run, with its metrics' states as arrays, if there was one.
    """

    weights: dict[str, LazyArray]
    frozen: frozenset[str]
    kinds: dict[str, str]
    optimizers: dict[Key, dict[str, Any]]
    steps_of: dict[str, int]
    learning_rates: dict[str, float]
    epoch: int
    steps_taken: int
    seed: int
    backend: str
    generator: dict[str, LazyArray] | None
    choice: Choice | None
    callbacks: list[tuple[str, dict[str, Any]]]
    progress: Progress | None


def checked(saved: Any) -> Saved:
    """A saved training, if it is one.

    Raises:
        FileError: Something of it is not what `Trainer.state` gives.
    """
    if isinstance(saved, Mapping):
        saved = {"learning_rates": {}, **saved}  # a file may have been written before there were any
    top = _record("the training", saved, [f.name for f in fields(Saved) if f.name != "kinds"])
    kinds, optimizers = _optimizers(top["optimizers"])
    epoch, steps_taken = _count("epoch", top["epoch"]), _count("steps_taken", top["steps_taken"])
    progress = None if top["progress"] is None else _progress(top["progress"])
    if progress is not None and (len(progress.epochs) > epoch or progress.position > steps_taken):
        raise damaged("progress", "more epochs or steps than were taken in all")
    return Saved(
        weights=_dict("weights", top["weights"], _array),
        frozen=frozenset(_list("frozen", top["frozen"], _text)),
        kinds=kinds,
        optimizers=optimizers,
        steps_of=_dict("steps_of", top["steps_of"], _count),
        learning_rates=_dict("learning_rates", top["learning_rates"], _number),
        epoch=epoch,
        steps_taken=steps_taken,
        seed=_count("seed", top["seed"], 2**63),
        backend=_text("backend", top["backend"]),
        generator=None if top["generator"] is None else _dict("generator", top["generator"], _array),
        choice=None if top["choice"] is None else _choice(top["choice"]),
        callbacks=_list("callbacks", top["callbacks"], _callback),
        progress=progress,
    )


def damaged(name: str, received: Any) -> FileError:
    """The error for a part that is not what `Trainer.state` gives."""
    return FileError(
        f"The saved training is damaged: {name} is not what Trainer.state gives. Nothing was restored.",
        received=f"{received!r:.200}",
    )


# -- its parts ---------------------------------------------------------------------------------------------------------------


def _optimizers(value: Any) -> tuple[dict[str, str], dict[Key, dict[str, Any]]]:
    kinds: dict[str, str] = {}
    states: dict[Key, dict[str, Any]] = {}
    for entry in _list("optimizers", value, lambda name, item: item):
        if not isinstance(entry, (list, tuple)) or len(entry) != 5:
            raise damaged("optimizers", entry)
        name, kind, part = (_text("optimizers", item) for item in entry[:3])
        key = (name, part, tuple(_list("optimizers", entry[3], _text)))
        held = _record(f"the optimizer {name!r:.80}", entry[4], ["steps", "weights"])
        if key in states or kinds.get(name, kind) != kind or len(set(key[2])) != len(key[2]):
            raise damaged("optimizers", f"{name} for {part or 'the model'} twice")
        kinds[name] = kind
        states[key] = {
            "steps": _count("an optimizer's steps", held["steps"]),
            "weights": _dict("an optimizer's state", held["weights"], lambda name, item: _dict(name, item, _array)),
        }
    return kinds, states


def _choice(value: Any) -> Choice:
    given = _record("choice", value, [f.name for f in fields(Choice)])
    if not isinstance(given["compiled"], bool):
        raise damaged("choice", given["compiled"])
    return Choice(
        given["compiled"],
        _text("choice", given["reason"]),
        _number("choice", given["plain_seconds"]),
        None if given["compiled_seconds"] is None else _number("choice", given["compiled_seconds"]),
        _number("choice", given["compile_seconds"]),
        None if given["steps"] is None else _count("choice", given["steps"]),
    )


def _callback(name: str, value: Any) -> tuple[str, dict[str, Any]]:
    if not isinstance(value, (list, tuple)) or len(value) != 2 or not isinstance(value[1], Mapping):
        raise damaged(name, value)
    return _text(name, value[0]), dict(value[1])


def _progress(value: Any) -> Progress:
    given = _record("progress", value, [f.name for f in fields(Progress)])
    position = _count("progress.position", given["position"])
    sizes = _column("progress.sizes", given["sizes"], "iu", position).tolist()
    if any(size < 1 for size in sizes):
        raise damaged("progress.sizes", "a batch of no example")
    columns = _dict("progress.columns", given["columns"], lambda name, item: _list(name, item, _whole_column))
    if any(sum(map(len, parts)) != position for parts in columns.values()):
        raise damaged("progress.columns", "other lengths than steps")
    stopped = given["stopped"]
    return Progress(
        data=dict(_mapping("progress.data", given["data"])),
        epochs=_epochs(given["epochs"]),
        step_loss=_list("progress.step_loss", given["step_loss"], _whole_column),
        position=position,
        columns=columns,
        sizes=sizes,
        states=None if given["states"] is None else _dict("progress.states", given["states"], _state),
        seconds=_number("progress.seconds", given["seconds"]),
        stopped=None if stopped is None else _text("progress.stopped", stopped),
    )


def _epochs(value: Any) -> list[Numbers]:
    """The numbers of each epoch, of the columns that `columns_of` gives or of the list that 0.1.0 wrote."""
    if isinstance(value, list):
        return _list("progress.epochs", value, lambda name, one: _dict(name, one, _float))
    given = _record("progress.epochs", value, ["count", "columns", "present"])
    count = _count("progress.epochs", given["count"])
    columns = _dict("progress.epochs", given["columns"], lambda name, one: _column(name, one, "f", count))
    present = _dict("progress.epochs", given["present"], lambda name, one: _column(name, one, "b", count))
    if not present.keys() <= columns.keys() or (count and not columns):
        raise damaged("progress.epochs", f"{count} epochs of {', '.join(columns) or 'no number'}")
    return [
        {name: float(column[i]) for name, column in columns.items() if name not in present or present[name][i]}
        for i in range(count)
    ]


def _float(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise damaged(name, value)
    return float(value)


def _state(name: str, value: Any) -> dict[str, Any]:
    return {key: array.read() for key, array in _dict(name, value, _array).items()}


def _whole_column(name: str, value: Any) -> Any:
    return _column(name, value, "f", None)


def _column(name: str, value: Any, kinds: str, length: int | None) -> Any:
    """An array of one axis, in memory."""
    array = _array(name, value)
    if len(array.shape) != 1 or array.dtype.kind not in kinds or length not in (None, array.shape[0]):
        raise damaged(name, f"an array of {array.dtype.name} {array.shape}")
    return array.read()


# -- types -------------------------------------------------------------------------------------------------------------------


def _mapping(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise damaged(name, value)
    return value


def _record(name: str, value: Any, names: list[str]) -> Mapping[str, Any]:
    """A mapping with exactly these keys."""
    found = _mapping(name, value)
    if set(found) != set(names):
        raise damaged(name, ", ".join(sorted(set(found) ^ set(names))))
    return found


def _dict(name: str, value: Any, item: Callable[[str, Any], T]) -> dict[str, T]:
    return {key: item(f"{name} {key!r:.80}", one) for key, one in _mapping(name, value).items()}


def _list(name: str, value: Any, item: Callable[[str, Any], T]) -> list[T]:
    if not isinstance(value, (list, tuple)):
        raise damaged(name, value)
    return [item(name, one) for one in value]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise damaged(name, value)
    return value


def _count(name: str, value: Any, most: int = MOST) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < most:
        raise damaged(name, value)
    return value


def _number(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < math.inf:
        raise damaged(name, value)
    return float(value)


def _array(name: str, value: Any) -> LazyArray:
    if not hasattr(value, "dtype") or not hasattr(value, "shape") or value.dtype.kind not in "biuf":
        raise damaged(name, value)
    return lazy(value)

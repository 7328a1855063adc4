"""All that a Trainer goes on from, as arrays and plain data that know no backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.callbacks import Callback
from unidl.errors import ArgumentError
from unidl.graph.node import map_nest
from unidl.lazy_array import whole
from unidl.models.weights import lazy_weights
from unidl.training.compiling import Choice
from unidl.training.progress import Progress

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def read(trainer: Trainer, lazily: bool = False) -> dict[str, Any]:
    """See Trainer.state.

    Args:
        lazily: Whether weights and optimizers' states are lazy arrays: for a file that is written now.
    """
    engine = trainer.engine
    engine.look_at_model()
    held_by = [(key, stepper.read(lazily)) for key, stepper in engine.steppers.items()]
    held_by += list(engine.waiting.items())
    progress = trainer.progress
    generator = engine.drawn if engine.generator is None else engine.generator.read()
    return {
        "weights": lazy_weights(trainer.model._need_built()) if lazily else trainer.model.weights(),
        "frozen": sorted(plan.path for plan in trainer.model._need_built().plan.walk() if plan.layer._unidl.frozen),
        "optimizers": [
            [name, type(trainer.optimizers[name]).__name__, part, list(trained), held]
            for (name, part, trained), held in held_by
        ],
        "steps_of": dict(engine.steps_of),
        "epoch": trainer.epoch,
        "steps_taken": trainer.steps_taken,
        "seed": trainer.seed,
        "backend": trainer.model.backend,
        "generator": None if generator is None else dict(generator),
        "choice": None if engine.choice is None else engine.choice.as_dict(),
        "callbacks": states_of(trainer.callbacks),
        "progress": None if progress is None else _of_progress(trainer, progress),
    }


def _of_progress(trainer: Trainer, progress: Progress) -> dict[str, Any]:
    return {
        **vars(progress),
        "epochs": [dict(epoch) for epoch in progress.epochs],
        "step_loss": [np.concatenate(progress.step_loss)] if progress.step_loss else [],
        "columns": {name: [np.concatenate(column)] for name, column in progress.columns.items()},
        "sizes": np.array(progress.sizes, "int64"),
        "states": None if progress.states is None else trainer.engine.states_as_arrays(progress.states),
    }


def write(trainer: Trainer, saved: Mapping[str, Any]) -> None:
    """See Trainer.restore."""
    engine = trainer.engine
    given = {(name, kind) for name, kind, *_ in saved["optimizers"]}
    here = {(name, type(optimizer).__name__) for name, optimizer in trainer.optimizers.items()}
    if not given <= here:
        raise ArgumentError(
            "The saved training has other optimizers; nothing was restored.",
            expected=", ".join(sorted(f"{name}: {kind}" for name, kind in here)),
            received=", ".join(sorted(f"{name}: {kind}" for name, kind in given)),
            fix="Give the Trainer the optimizers that it was trained with; trainer.model.set_weights takes the weights alone.",
        )
    trainer.model.set_weights({path: whole(array) for path, array in saved["weights"].items()})
    _freeze(trainer, set(saved["frozen"]))
    engine.look_at_model()
    engine.waiting.clear()
    for name, _, part, trained, held in saved["optimizers"]:
        key = (name, part, tuple(trained))
        if key in engine.steppers:
            engine.steppers[key].write(held)
        else:
            engine.waiting[key] = map_nest(whole, held)
    for key in engine.steppers.keys() - {
        (name, part, tuple(trained)) for name, _, part, trained, _ in saved["optimizers"]
    }:
        _begin_anew(engine.steppers[key])
    engine.steps_of = dict(saved["steps_of"])
    trainer.epoch, trainer.steps_taken, trainer.seed = saved["epoch"], saved["steps_taken"], saved["seed"]
    # another backend's generators have other states: there the epoch's seed is begun with
    generator = saved["generator"]
    engine.drawn = (
        {k: whole(v) for k, v in generator.items()} if generator and saved["backend"] == trainer.model.backend else None
    )
    engine.choice = None if saved["choice"] is None else Choice(**saved["choice"])
    restore_callbacks(trainer.callbacks, saved["callbacks"])
    trainer.progress = None
    if saved["progress"] is not None:
        held = map_nest(whole, saved["progress"])
        progress = Progress(**{**held, "sizes": held["sizes"].tolist()})
        if progress.states is not None:
            progress.states = engine.states_from(progress.states)
        trainer.progress = progress


def states_of(callbacks: Sequence[Callback]) -> list[list[Any]]:
    """What callbacks go on from, each with its class's name."""
    return [[type(callback).__name__, callback.state()] for callback in callbacks]


def restore_callbacks(callbacks: Sequence[Callback], saved: Sequence[Sequence[Any]]) -> None:
    """Hand states to callbacks of the same class, in order; one that was not there then starts as it is."""
    left = [(kind, held) for kind, held in saved]
    for callback in callbacks:
        place = next((i for i, (kind, _) in enumerate(left) if kind == type(callback).__name__), None)
        if place is not None:
            callback.restore(map_nest(whole, left.pop(place)[1]))


def _freeze(trainer: Trainer, frozen: set[str]) -> None:
    """Freeze exactly these layers."""
    built = trainer.model._need_built()
    natives = built.natives()
    for plan in built.plan.walk():
        if plan.reached and plan.layer._unidl.frozen != (plan.path in frozen):
            plan.layer._unidl.frozen = plan.path in frozen
            built.backend.set_trainable(plan, natives[id(plan)], plan.path not in frozen)


def _begin_anew(stepper: Any) -> None:
    """An optimizer that had not taken a step then."""
    now = stepper.read()
    zero = {path: {name: 0 * array for name, array in held.items()} for path, held in now["weights"].items()}
    stepper.write({"steps": 0, "weights": zero})

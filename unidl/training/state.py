"""All that a Trainer resumes from, as arrays and plain data that know no backend: reading it, and restoring it whole or not at all."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.callbacks import Callback
from unidl.graph.node import map_nest
from unidl.lazy_array import whole
from unidl.models.weights import lazy_weights
from unidl.optimizers import Optimizer
from unidl.schedules import Constant
from unidl.training import saved as saved_training
from unidl.training.progress import Progress, columns_of
from unidl.training.restorable import check_fits
from unidl.training.saved import Saved, damaged

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
    held_by += [(key, held) for key, held in engine.waiting.items() if engine.fits(key, held)]
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
        "learning_rates": set_rates(trainer.optimizers),
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
        "epochs": columns_of(progress.epochs),
        "step_loss": [np.concatenate(progress.step_loss)] if progress.step_loss else [],
        "columns": {name: [np.concatenate(column)] for name, column in progress.columns.items()},
        "sizes": np.array(progress.sizes, "int64"),
        "states": None if progress.states is None else trainer.engine.states_as_arrays(progress.states),
    }


def prepare(trainer: Trainer, saved: Mapping[str, Any]) -> Saved:
    """Check a saved training as a whole, by itself and against the Trainer; nothing is changed.

    Raises:
        FileError: Something of it is not what `Trainer.state` gives.
        WeightError: It is of another model.
        ArgumentError: It is of other optimizers or metrics.
    """
    trainer.model._need_built()
    checked = saved_training.checked(saved)
    trainer.engine.look_at_model()
    check_fits(trainer, checked)
    return checked


def write(trainer: Trainer, saved: Mapping[str, Any]) -> None:
    """See Trainer.restore."""
    commit(trainer, prepare(trainer, saved))


def commit(trainer: Trainer, saved: Saved) -> None:
    """Replace all that a Trainer resumes from by what `prepare` checked.

    Raises:
        FileError: A callback does not take its state; nothing was changed then.
    """
    engine, built = trainer.engine, trainer.model._need_built()
    progress = saved.progress
    if progress is not None and progress.states is not None:
        progress = dataclasses.replace(progress, states=engine.states_from(progress.states))
    # another backend's generators have other states: there the epoch's seed is begun with
    here = saved.generator is not None and saved.backend == trainer.model.backend
    drawn = {name: array.read() for name, array in (saved.generator or {}).items()} if here else None
    restore_callbacks(trainer.callbacks, saved.callbacks)
    for path, slot in built.slots().items():
        slot.fill(saved.weights[path])
    _freeze(trainer, saved.frozen)
    engine.look_at_model()
    engine.waiting.clear()
    for key, held in saved.optimizers.items():
        if key in engine.steppers:
            engine.steppers[key].write(held)
        else:
            engine.waiting[key] = map_nest(whole, held)
    for key in engine.steppers.keys() - saved.optimizers.keys():
        _begin_anew(engine.steppers[key])
    engine.steps_of = dict(saved.steps_of)
    for name, rate in saved.learning_rates.items():
        trainer.optimizers[name].learning_rate = Constant(rate)
    trainer.epoch, trainer.steps_taken, trainer.seed = saved.epoch, saved.steps_taken, saved.seed
    engine.drawn, engine.choice, trainer.progress = drawn, saved.choice, progress


def set_rates(optimizers: Mapping[str, Optimizer]) -> dict[str, float]:
    """The learning rates that were set after an optimizer was made, by a callback or between two fits: the script does not know them."""
    return {
        name: one.learning_rate(0)
        for name, one in optimizers.items()
        if one.rate_was_set and isinstance(one.learning_rate, Constant)
    }


def states_of(callbacks: Sequence[Callback]) -> list[list[Any]]:
    """What callbacks resume from, each with its class's name."""
    return [[type(callback).__name__, callback.state()] for callback in callbacks]


def restore_callbacks(callbacks: Sequence[Callback], saved: Sequence[Sequence[Any]]) -> None:
    """Hand states to callbacks of the same class, in order; one that was not there then starts as it is.

    Raises:
        FileError: A callback does not take its state; those before it have their own again.
    """
    left = [(kind, held) for kind, held in saved]
    restored: list[tuple[Callback, dict[str, Any]]] = []
    for callback in callbacks:
        place = next((i for i, (kind, _) in enumerate(left) if kind == type(callback).__name__), None)
        if place is None:
            continue
        restored.append((callback, callback.state()))
        held = map_nest(whole, left.pop(place)[1])
        try:
            callback.restore(held)
        except BaseException as error:
            for other, before in reversed(restored):
                other.restore(before)
            if isinstance(error, (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)):
                raise damaged(
                    f"the state of {type(callback).__name__} ({type(error).__name__}: {error!s:.100})", held
                ) from error
            raise


def _freeze(trainer: Trainer, frozen: frozenset[str]) -> None:
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

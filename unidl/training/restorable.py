"""Whether a saved training is of this Trainer: of its model's weights, its optimizers, its metrics and its backend's generators."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends.generators import LENT_STATE
from unidl.errors import ArgumentError, WeightError
from unidl.graph.spec import TensorSpec, is_float
from unidl.lazy_array import LazyArray
from unidl.models.model import Model
from unidl.models.specs import weight_specs
from unidl.training.saved import Key, Saved, damaged

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer

# what NumPy and the frameworks raise on a generator's state that is none; TensorFlow's own stand in Backend.ERRORS
NO_STATE: tuple[type[Exception], ...] = (TypeError, ValueError, RuntimeError, LookupError, OverflowError)


def check_fits(trainer: Trainer, saved: Saved) -> None:
    """Refuse a saved training of another model or Trainer; nothing is changed.

    Raises:
        ArgumentError: It has other optimizers or metrics.
        WeightError: It is of another model.
        FileError: It contradicts itself.
    """
    _check_kinds(trainer, saved)
    built = trainer.model._need_built()
    specs = weight_specs(built.plan)
    _check_weights(trainer.model.name, specs, saved.weights)
    unknown = saved.frozen - {plan.path for plan in built.plan.walk()}
    if unknown:
        raise damaged("frozen", ", ".join(sorted(unknown)))
    for key, held in saved.optimizers.items():
        check_optimizer(trainer, key, held)
    if not saved.learning_rates.keys() <= trainer.optimizers.keys():
        raise damaged("learning_rates", ", ".join(saved.learning_rates))
    if saved.backend == trainer.model.backend and saved.generator is not None:
        _check_generator(trainer, {name: array.read() for name, array in saved.generator.items()})
    progress = saved.progress
    if (
        progress is not None
        and progress.position
        and trainer.engine.takes_own_step()
        and "loss" not in progress.columns
    ):
        raise damaged("progress.columns", f"no loss of {progress.position} steps")
    if progress is not None and progress.states is not None:
        _check_metrics(trainer, progress.states)


def _check_kinds(trainer: Trainer, saved: Saved) -> None:
    here = {name: type(optimizer).__name__ for name, optimizer in trainer.optimizers.items()}
    if not saved.kinds.items() <= here.items():
        raise ArgumentError(
            "The saved training has other optimizers; nothing was restored.",
            expected=", ".join(sorted(f"{name}: {kind}" for name, kind in here.items())),
            received=", ".join(sorted(f"{name}: {kind}" for name, kind in saved.kinds.items())),
            fix="Give the Trainer the optimizers that it was trained with; trainer.model.set_weights takes the weights alone.",
        )


def _check_weights(name: str, specs: Mapping[str, TensorSpec], arrays: Mapping[str, LazyArray]) -> None:
    wrong = [
        path
        for path in sorted(specs.keys() | arrays.keys())
        if path not in specs or path not in arrays or not _is_of(arrays[path], specs[path])
    ]
    if wrong:
        raise WeightError(
            f"The saved training is of another model than {name!r}; nothing was restored.",
            expected=", ".join(f"{p} {specs[p].dtype} {specs[p].shape}" if p in specs else f"no {p}" for p in wrong)[
                :400
            ],
            received=", ".join(f"{p} {arrays[p].dtype} {arrays[p].shape}" if p in arrays else f"no {p}" for p in wrong)[
                :400
            ],
        )


def _is_of(array: LazyArray, spec: TensorSpec) -> bool:
    """Whether an array may be the value of a weight: the precision may differ, the kind of number may not."""
    return tuple(array.shape) == spec.shape and (array.dtype.kind == "f") == is_float(spec.dtype)


def check_optimizer(trainer: Trainer, key: Key, held: Mapping[str, Any]) -> None:
    """Refuse an optimizer's state that is of other weights than those it names.

    Raises:
        FileError: It is.
    """
    name, part, trained = key
    title = f"the state of the optimizer {name!r}"
    model = _part_of(trainer.model, part)
    if model is None:
        raise damaged(title, f"no part {part!r}")
    specs = weight_specs(model._need_built().plan)
    states = set(trainer.optimizers[name].state_names)
    if {path.partition("#")[0] for path in held["weights"]} != set(trained) or not specs.keys() >= set(trained):
        raise damaged(title, "other weights than those that were trained")
    stepper = trainer.engine.steppers.get(key)
    here = None if stepper is None else stepper.read(lazily=True)["weights"]
    if here is not None and here.keys() != held["weights"].keys():
        raise damaged(title, ", ".join(sorted(here.keys() ^ held["weights"].keys())))
    for path, arrays in held["weights"].items():
        if arrays.keys() != states:
            raise damaged(title, f"{path}: {', '.join(arrays)}")
        for state, array in arrays.items():
            # behind a parametrization ("kernel#0") an optimizer trains other tensors than the weight
            shape = specs[path].shape if "#" not in path else None if here is None else here[path][state].shape
            if array.dtype.kind != "f" or shape not in (None, array.shape):
                raise damaged(title, f"{path} {state}: {array.dtype} {array.shape}")


def _part_of(model: Model, path: str) -> Model | None:
    """The model inside a model that has that path."""
    plans = model._need_built().plan.walk()
    layers = [model] if not path else [plan.layer for plan in plans if plan.path == path and plan.reached]
    return next((layer for layer in layers if isinstance(layer, Model)), None)


def _check_generator(trainer: Trainer, state: Mapping[str, np.ndarray]) -> None:
    """Let generators of the backend take the state, those of the process come back afterwards."""
    backend, device = trainer.model._need_built().backend, trainer.model.device
    with backend.random_state(0, device) as generator:
        here = generator.read()
        if differing := (here.keys() ^ state.keys()) - {LENT_STATE}:
            raise damaged("generator", ", ".join(sorted(differing)))
        for name in here.keys() & state.keys():
            array = here[name]
            if array.shape != state[name].shape or array.dtype != state[name].dtype:
                raise damaged("generator", f"{name}: {state[name].dtype} {state[name].shape}")
        try:
            generator.write(state)
        except (*NO_STATE, *backend.ERRORS) as error:
            raise damaged("generator", f"{type(error).__name__}: {error}") from error


def _check_metrics(trainer: Trainer, states: Mapping[str, Mapping[str, np.ndarray]]) -> None:
    here = trainer.objective.initial(weighted=False)
    weighted = trainer.objective.initial(weighted=True)
    if here.keys() != states.keys():
        raise ArgumentError(
            "The saved training is in the middle of an epoch with other metrics; nothing was restored.",
            expected=f"{len(here)} metrics",
            received=f"{len(states)} metrics",
            fix="Give the Trainer the metrics that it was trained with.",
        )
    for i, plain in here.items():
        initial = plain if states[i].keys() == plain.keys() else weighted[i]
        for name in initial.keys() | states[i].keys():
            mine, theirs = np.asarray(initial.get(name)), np.asarray(states[i].get(name))
            if mine.shape != theirs.shape or mine.dtype.kind != theirs.dtype.kind:
                raise damaged(
                    f"the state of the metric {trainer.metrics[int(i)].name!r}",
                    f"{name}: {theirs.dtype} {theirs.shape}",
                )

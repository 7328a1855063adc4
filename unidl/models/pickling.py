"""Models through pickle (joblib, multiprocessing, copy to another process): a built model takes its weights along.

A pickle holds descriptions as Python objects, and beside them what each build was made for and its weights as arrays. The native
object is not pickled: it is built, for the same backend, when the model is first used.
"""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.description.layer import Layer
from unidl.models.build import BUILDING, Part, build
from unidl.models.calling import reading
from unidl.models.paths import LayerMapping
from unidl.models.specs import inputs_of

if TYPE_CHECKING:
    from unidl.models.model import Model


class Weights:
    """All weights of one build. Models that share the build share it in a pickle.

    Args:
        arrays: Path from the build's root -> array.
    """

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.arrays = arrays


@dataclass(frozen=True)
class Carried:
    """What a model takes along.

    Args:
        weights: Those of its build.
        path: The model's path from that build's root.
        arguments: Those with which it is built again.
    """

    weights: Weights
    path: str
    arguments: dict[str, Any]


# id of a build -> its weights while something holds them: as long as a pickle is being made
_being_pickled: weakref.WeakValueDictionary[int, Weights] = weakref.WeakValueDictionary()


def with_weights(model: Model, reduced: Any) -> Any:
    """What `__reduce_ex__` gave, with the weights of a built model beside its state.

    A class that says by itself how it is pickled (`__reduce__`) is left to it.
    """
    if not model.is_built or type(model).__reduce__ is not object.__reduce__ or not isinstance(reduced, tuple):
        return reduced
    function, arguments, state, *_ = (*reduced, None)
    return function, arguments, (state, _carried(model)), None, None, _set_state


def _carried(model: Model) -> Carried:
    part: Part = model._unidl.built
    built = part.as_root()
    weights = _being_pickled.get(id(part.built))
    if weights is None:
        with reading(built, "pickle"):
            root = part.built
            weights = Weights(
                {path: np.array(root.backend.to_numpy(slot.read())) for path, slot in root.slots().items()}
            )
        _being_pickled[id(part.built)] = weights
    inputs, kwargs = inputs_of(built)
    arguments = {
        "inputs": inputs, "kwargs": kwargs, "backend": built.backend.NAME, "device": built.device_name,
        "precision": built.precision, "seed": built.seed, "random": built.random,
    }  # fmt: skip
    return Carried(weights, part.plan.path, arguments)


def _set_state(model: Model, held: tuple[Any, Carried]) -> None:
    """What pickle calls with a new object and its state."""
    state, carried = held
    own = getattr(model, "__setstate__", None)
    if own is not None:
        own(state)
    elif isinstance(state, tuple):  # of a class with __slots__
        model.__dict__.update(state[0] or {})
        for name, value in state[1].items():
            object.__setattr__(model, name, value)
    else:
        model.__dict__.update(state)
    pending = partial(_build, model, carried)
    for layer in _with_sublayers(model):  # a model inside is built with the one around it
        if layer._unidl._built is None:
            layer._unidl.pending = pending


def _with_sublayers(model: Model) -> list[Layer]:
    return [model, *LayerMapping(model).values()]


def _build(model: Model, carried: Carried) -> None:
    """Build a model that came out of a pickle, with its weights; all below it then belongs to that build."""
    with BUILDING:
        waiting = [layer._unidl for layer in _with_sublayers(model) if layer._unidl.pending is not None]
        held = [record.pending for record in waiting]
        if model._unidl.pending is None:
            return  # another thread was faster
        for record in waiting:
            record.pending = None
        try:
            build(model, **carried.arguments, initial=_by_own_path(carried))
        except BaseException:
            model._unidl.built = None
            for record, pending in zip(waiting, held, strict=True):
                record.pending = pending
            raise


def _by_own_path(carried: Carried) -> dict[str, np.ndarray]:
    """The weights by the path that they have in the model; one that is shared with what is outside has its own path."""
    arrays, above = carried.weights.arrays, f"{carried.path}/" if carried.path else ""
    inside = {path[len(above) :]: array for path, array in arrays.items() if path.startswith(above)}
    return {**arrays, **inside}

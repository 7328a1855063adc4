"""Looks for NaN and infinity where the loop has control: in the weights, and in the examples that were trained on.

The loss alone does not tell. A framework's fused kernel may return 0 for NaN, so that a layer whose weights are NaN trains on with
a finite loss, and what is NaN in the inputs reaches the weights only. A gradient that is NaN makes its weight NaN in the same step.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.backends.contract import Slot
from unidl.data import Arrays
from unidl.errors import UnidlError
from unidl.graph.array import all_finite, first_odd
from unidl.graph.node import leaves, map_nest
from unidl.models.build import weight_path
from unidl.models.replay import first_nonfinite
from unidl.training.feed import Load

if TYPE_CHECKING:
    from unidl.training.engine import Engine

SHARE = 0.01  # of the loop's time that may go into looking at weights


class _Budget:
    """How often a look is worth its time."""

    def __init__(self) -> None:
        self._looked = 0.0  # when
        self._took = 0.0  # how long, in seconds

    def look(self, find: Callable[[], str | None], must: bool) -> str | None:
        """What there is to find; None too where it is too early to look again."""
        started = time.perf_counter()
        if not must and started - self._looked < self._took / SHARE:
            return None
        found = find()
        self._looked = time.perf_counter()
        self._took = self._looked - started
        return found


class Weights:
    """Looks at what a Trainer's steps change, and at all that is trained elsewhere: a constant is nobody's fault.

    An optimizer's state is looked at as well, if seldom, for it has to be copied: NaN there is in the weight after a step, but an
    infinite second moment lets a weight rest for good, with all else finite.

    Args:
        engine: The Trainer's.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._weights, self._states = _Budget(), _Budget()

    def look(self, must: bool = False) -> str | None:
        """Which weight is not finite, in words; None where none is, or where it is too early to look again.

        Args:
            must: Whether to look at the weights in any case.
        """
        return self._weights.look(self._first, must) or self._states.look(self._first_state, False)

    def _first(self) -> str | None:
        model, backend = self._engine.model, self._engine.backend
        slots = model.weight_slots()
        watched = [
            path
            for plan in model._need_built().plan.walk()
            for name, weight in plan.weights.items()
            if (weight.trainable or name in plan.updated) and (path := weight_path(plan, name)) in slots
        ]
        tensors = {path: _tensor(slots[path]) for path in watched}
        each = {id(tensor): tensor for tensor in tensors.values()}  # several weights may be packed into one
        right = dict(zip(each, backend.finite(list(each.values())), strict=True))
        for path in watched:
            if not right[id(tensors[path])] and not backend.finite([slots[path].read()])[0]:
                return f"the weight {path!r} is {_odd(backend.to_numpy(slots[path].read()))}"
        return None

    def _first_state(self) -> str | None:
        backend = self._engine.backend
        for stepper in self._engine.steppers.values():
            states = {(path, name): one for path, own in stepper.held().items() for name, one in own.items()}
            tensors = [one.read() for one in states.values()]
            for (path, name), tensor, right in zip(states, tensors, backend.finite(tensors), strict=True):
                if not right:
                    return f"the optimizer's {name} of {path!r} is {_odd(backend.to_numpy(tensor))}"
        return None


def _odd(array: np.ndarray) -> str:
    value, index = first_odd(array)
    return f"{value} at {index}" if index else value


def _tensor(slot: Slot) -> Any:
    """What holds a weight, with others perhaps; behind a parametrization the weight itself."""
    return slot.read() if slot.is_computed else slot.native


@dataclass(frozen=True)
class Odd:
    """An example with NaN or infinity among its inputs.

    Args:
        step: In which step of a load, counted from 0.
        what: Which input it is, in words.
        inputs: Of this example, arrays with a batch axis of 1.
    """

    step: int
    what: str
    inputs: Any


class Inputs:
    """Looks for examples with NaN or infinity among their inputs.

    Args:
        engine: The Trainer's.
        source: Where examples come from. Arrays in memory are looked at now, what is streamed or mapped as it is trained on.
    """

    def __init__(self, engine: Engine, source: Any) -> None:
        self._engine = engine
        self._right: np.ndarray | None = None  # of each example of arrays in memory whether it is finite
        self._later = not isinstance(source, Arrays) or any(isinstance(a, np.memmap) for a in leaves(source.parts[0]))
        if not self._later and not all(map(all_finite, leaves(source.parts[0]))):
            self._right = _finite_examples(source.parts[0])

    def first(self, load: Load) -> Odd | None:
        """The first such example of a load; None where there is none."""
        if self._later:
            inputs = load.examples(slice(None))[0]
            if all(map(all_finite, leaves(inputs))):
                return None
            right = _finite_examples(inputs)
        elif self._right is not None and load.places is not None:
            right = self._right[load.places]
        else:
            return None
        if right.all():
            return None
        place = int(np.argmin(right))
        inputs = load.examples(slice(place, place + 1))[0]
        return Odd(place // load.batch_size, f"{_which(inputs, 'input')} at {_example(load, place)}", inputs)

    def reaches(self, odd: Odd) -> str | None:
        """How it reaches the model's output, in words: a model may well do something about it, and then this is None."""
        path = self.first_layer(odd.inputs)
        return None if path is None else odd.what + _of_layer(path)

    def first_layer(self, inputs: Any) -> str | None:
        """The first layer that is not finite for these inputs (see unidl.models.replay); None too where its definition cannot tell."""
        built = self._engine.model._need_built()
        unable: tuple[type[Exception], ...] = (UnidlError, *built.backend.ERRORS)
        try:
            (admitted,) = self._engine.admit((inputs,))
            return first_nonfinite(built, admitted if isinstance(admitted, tuple) else (admitted,))
        except unable:
            return None


def cause(engine: Engine, inputs: Inputs | None, weights: Weights, load: Load, step: int) -> str:
    """Why a step's loss is not finite, as far as can be seen afterwards, in words.

    Args:
        engine: The Trainer's.
        inputs: Looks at examples; None where a training_step of the user's own may do with them as it likes.
        weights: Looks at weights.
        load: What the step computed on, among others.
        step: Which of the load's.
    """
    odd = None if inputs is None else inputs.first(load)
    if odd is not None and odd.step <= step:
        return odd.what
    start = step * load.batch_size
    x, *y = load.examples(slice(start, start + load.batch_size))
    if y and not all(map(all_finite, leaves(y))):
        place = int(np.argmin(_finite_examples(y)))
        one = map_nest(lambda array: array[place : place + 1], y[0])
        return f"{_which(one, 'target')} at {_example(load, start + place)}"
    found = weights.look(must=True)
    if found is not None:
        return found
    if inputs is None:
        return "the weights are finite"
    path = inputs.first_layer(x)
    return "the inputs and the weights are finite" + ("" if path is None else _of_layer(path))


def _of_layer(path: str) -> str:
    return f"; the first layer whose output is not finite is {path!r}" if path else "; so is the model's output"


def _finite_examples(inputs: Any) -> np.ndarray:
    """Of each example whether all its inputs are finite: (examples,)."""
    arrays = list(leaves(inputs))
    right = np.ones(len(arrays[0]), bool)
    for array in arrays:
        if array.dtype.kind == "f":
            right &= np.isfinite(array).reshape(len(array), -1).all(axis=1)
    return right


def _example(load: Load, place: int) -> str:
    return f"example {place % load.batch_size} of the batch" if load.places is None else f"example {load.places[place]}"


def _which(parts: Any, kind: str) -> str:
    """The first input or target of one example that is not finite, and what it is."""
    named = dict[str, np.ndarray]()

    def name(nest: Any, where: str) -> None:
        if isinstance(nest, dict):
            for key, value in nest.items():
                name(value, f"{where}[{key!r}]")
        elif isinstance(nest, (list, tuple)):
            for i, value in enumerate(nest):
                name(value, f"{where}[{i}]")
        else:
            named[where] = nest

    for i, part in enumerate(parts if isinstance(parts, tuple) else (parts,)):
        name(part, f"{kind} {i + 1}")
    where, array = next((where, array) for where, array in named.items() if not all_finite(array))
    value, index = first_odd(array)
    return f"{where} is {value}" + (f" at {index[1:]}" if len(index) > 1 else "")

"""An optimizer's state in canonical layout, read and written; what the optimizers of all backends have in common."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.lazy_array import LazyArray, lazy

if TYPE_CHECKING:
    from unidl.backends.contract import Held


class StepperState:
    """A base class of optimizers at work: they say where their state is, and this reads and writes it."""

    def held(self) -> Mapping[str, Mapping[str, Held]]:
        """Weight path -> name of a state -> where it is."""
        raise NotImplementedError

    def count_steps(self, steps: int | None = None) -> int:
        """How many steps were taken; with an argument, from now on so many."""
        raise NotImplementedError

    def to_numpy(self, tensor: Any) -> np.ndarray:
        """A tensor of the backend as an array."""
        raise NotImplementedError

    def read(self, lazily: bool = False) -> dict[str, Any]:
        """See unidl.backends.contract.Stepper."""
        arrays = {
            path: {name: lazy_array(one, self.to_numpy) for name, one in states.items()}
            for path, states in self.held().items()
        }
        if not lazily:
            return {
                "steps": self.count_steps(),
                "weights": {p: {n: a.read() for n, a in s.items()} for p, s in arrays.items()},
            }
        return {"steps": self.count_steps(), "weights": arrays}

    def write(self, state: Mapping[str, Any]) -> None:
        """See unidl.backends.contract.Stepper."""
        self.count_steps(int(state["steps"]))
        for path, states in self.held().items():
            for name, one in states.items():
                one.fill(lazy(state["weights"][path][name]))


def lazy_array(held: Held, to_numpy: Callable[[Any], np.ndarray]) -> LazyArray:
    """A weight, or a state of its, as an array that is read in pieces: when it is asked for, as it is then."""
    shape = tuple(held.shape)
    first = tuple([slice(0, 1)] * len(shape)) or (...,)
    dtype = to_numpy(held.read(first)).dtype
    if held.is_computed:  # in pieces it would be computed for each of them
        return LazyArray(shape, dtype, lambda index: to_numpy(held.read())[index], in_pieces=False)
    return LazyArray(shape, dtype, lambda index: to_numpy(held.read(index)))

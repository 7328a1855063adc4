"""TensorFlow's random generators: states that random ops draw from, each with its owner."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager

import numpy as np

from unidl.backends import contract
from unidl.backends.generators import LENT_STATE, Lent, SpareGenerators, lending
from unidl.backends.tensorflow.ops.random import PROCESS, State, drawing_from, drawn_from

_LENT = Lent(PROCESS.read, PROCESS.write)


class Generator:
    """(seed, draws so far)."""

    def __init__(self) -> None:
        self._state = State()

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        self._state.write([seed, 0])
        _LENT.write(self, [seed, 0])

    def read(self) -> dict[str, np.ndarray]:
        """The state, and that of the process' own where it is lent."""
        lent = _LENT.read(self) if PROCESS.is_drawn_from else None
        return {"state": self._state.read()} | ({} if lent is None else {LENT_STATE: lent})

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from that state."""
        self._state.write(state["state"])
        _LENT.write(self, state.get(LENT_STATE, state["state"]))

    def drawing(self) -> AbstractContextManager[object]:
        """Inside, random ops of this thread draw from it, and graphs that are traced hold it."""
        return lending(_LENT, self, drawing_from(self._state))

    def turn(self) -> AbstractContextManager[object]:
        """Likewise; nobody has to wait."""
        return drawing_from(self._state) if drawn_from() is self._state else self.drawing()


def generator(device: str | None = None) -> Generator:
    """A state of its own, to be seeded before anything is drawn."""
    return Generator()


_SPARE = SpareGenerators(generator)


def random_state(seed: int, device: str | None = None) -> AbstractContextManager[contract.Generator]:
    """Inside, random ops draw from the seed; the process' own state is as before afterwards."""
    return _SPARE.seeded(seed, device)

"""Keras' random generators: a seed generator of their own, and those of the engine's own backend, where there is one."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from unidl.backends import contract
from unidl.backends.generators import LENT_STATE, Lent, SpareGenerators, lending
from unidl.backends.keras.device import of_engine
from unidl.backends.keras.engine import keras, own_backend
from unidl.backends.keras.ops.random import drawing_from, drawn_from, generator_of_process, new_generator


def _read() -> np.ndarray | None:
    """The state of the process' own, where there is one."""
    own = generator_of_process()
    return None if own is None else np.array(keras.ops.convert_to_numpy(own.state))


def _write(state: Any) -> None:
    generator_of_process().state.assign(state)


_LENT = Lent(_read, _write)


class Generator:
    """One of Keras' seed generators.

    Args:
        engine: The generator of the engine's own backend: what stands beside a tensor of the engine is drawn by that.
    """

    def __init__(self, engine: contract.Generator | None) -> None:
        self._own = new_generator()
        self._engine = engine

    def seed(self, seed: int) -> None:
        """Start again from a seed."""
        state = [seed % 2**31, 0]  # 31 bits hold on every engine
        self._own.state.assign(state)
        _LENT.write(self, state)
        if self._engine is not None:
            self._engine.seed(seed)

    def read(self) -> dict[str, np.ndarray]:
        """The states."""
        engine = {} if self._engine is None else {f"engine {k}": v for k, v in self._engine.read().items()}
        lent = _LENT.read(self)
        own = {"state": np.array(keras.ops.convert_to_numpy(self._own.state))}
        return own | ({} if lent is None else {LENT_STATE: lent}) | engine

    def write(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from these states."""
        self._own.state.assign(state["state"])
        _LENT.write(self, state.get(LENT_STATE, state["state"]))
        if self._engine is not None:
            self._engine.write({k.removeprefix("engine "): v for k, v in state.items() if k.startswith("engine ")})

    def drawing(self) -> AbstractContextManager[object]:
        """Inside, random ops of this thread draw from it, and graphs that are traced hold it."""
        draws = drawing_from(self._own)
        return lending(_LENT, self, draws if self._engine is None else _Both(self._engine.drawing(), draws))

    def turn(self) -> AbstractContextManager[object]:
        """Likewise; other runs wait where those of the engine do."""
        draws = drawing_from(self._own)
        inside = draws if self._engine is None else _Both(self._engine.turn(), draws)
        return inside if drawn_from() is self._own else lending(_LENT, self, inside)


class _Both:
    """Two contexts as one."""

    def __init__(self, outer: AbstractContextManager[object], inner: AbstractContextManager[object]) -> None:
        self._outer, self._inner = outer, inner

    def __enter__(self) -> None:
        self._outer.__enter__()
        self._inner.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._inner.__exit__(*error)
        self._outer.__exit__(*error)


def generator(device: str = "cpu:0") -> Generator:
    """A generator of its own, to be seeded before anything is drawn."""
    own = own_backend()
    return Generator(None if own is None else own.generator(of_engine(device)))


_SPARE = SpareGenerators(generator)


def random_state(seed: int, device: str = "cpu:0") -> AbstractContextManager[contract.Generator]:
    """Inside, random ops draw from the seed; the process' own state is as before afterwards."""
    return _SPARE.seeded(seed, device)

"""Random numbers while a source is read: from generators of its own, so that the same epoch gives the same batches again."""

from __future__ import annotations

import random
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from unidl.backends import registry

if TYPE_CHECKING:
    from unidl.backends.contract import Backend, Generator

_USE = 3  # what the seeds are for: others of the Trainer's are drawn for other uses


class Reading:
    """Inside, Python's and NumPy's generators, and those of the framework that the source is of, are the source's.

    It may be entered again and again: they go on where they were. Outside, all are as somebody else left them, so that how many batches
    are read at once changes no number, neither theirs nor those of a step.

    Args:
        given: What is read: the generators of the framework that it is of are the source's.
        backend: The model's, for what is of none; None for none.
        device: Likewise.
        seed: The Trainer's.
        epoch: With the seed it says where the generators begin.
    """

    def __init__(self, given: Any, backend: Backend | None, device: Any, seed: int, epoch: int) -> None:
        words = np.random.SeedSequence([seed % 2**64, epoch, _USE]).generate_state(8)
        owner = registry.owner_of(given)
        if owner is not None and (backend is None or owner != backend.NAME):
            backend = registry.load(owner)
            device = backend.device("cpu")
        self._generator: Generator | None = None if backend is None else backend.generator(device)
        self._seed = int(words[0])
        self._python: Any = random.Random(int(words[1])).getstate()
        self._bits = np.random.MT19937(np.random.SeedSequence(words[2:].tolist()))
        self._drawn: Any = None  # where the framework's generator was left
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            if self._generator is not None:
                stack.enter_context(self._generator.turn())
                if self._drawn is None:
                    self._generator.seed(self._seed)
                else:
                    self._generator.write(self._drawn)
            stack.callback(self._leave, random.getstate(), np.random.get_bit_generator())  # type: ignore[attr-defined]
            random.setstate(self._python)
            np.random.set_bit_generator(self._bits)  # type: ignore[attr-defined]
            self._stack = stack.pop_all()
        return self

    def _leave(self, python: Any, bits: Any) -> None:
        self._python = random.getstate()
        if self._generator is not None:
            self._drawn = self._generator.read()
        random.setstate(python)
        np.random.set_bit_generator(bits)  # type: ignore[attr-defined]

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def looking(given: Any) -> Reading:
    """Inside, a batch may be looked at, and nothing outside notices."""
    return Reading(given, None, None, 0, 0)

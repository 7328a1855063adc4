"""The logs of consecutive optimizer steps, as `on_batches` of a callback gets them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import numpy as np

from unidl.training.numbers import is_shown


class StepLogs(Mapping[str, np.ndarray]):
    """Name -> the values of consecutive steps, an array (steps,).

    Args:
        columns: Name -> the values.
        sizes: Examples in the batch of each step.
        taken: Optimizer steps that the Trainer has taken, these included.
    """

    def __init__(self, columns: Mapping[str, np.ndarray], sizes: list[int], taken: int) -> None:
        self._columns = {name: column for name, column in columns.items() if is_shown(name, columns)}
        self.steps = np.arange(taken - len(sizes) + 1, taken + 1)  # the number of each step; the Trainer's first is 1
        self.sizes = np.array(sizes)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        return len(self._columns)

    def __repr__(self) -> str:
        return f"<logs of steps {self.steps[0]} to {self.steps[-1]}: {', '.join(self._columns) or 'none'}>"

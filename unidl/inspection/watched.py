"""A run to be watched by the framework that computes: a backend's own, or that of the engine beneath another backend."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from unidl.inspection.lane import Lane


@dataclass(frozen=True, eq=False)
class Watched:
    """What runs, and how to tell which layer asks for what.

    Args:
        name: What the graph is called: "graph" or "step".
        title: One line for it.
        run: Runs it once.
        where: The path of the layer that is called now, "" in the model itself; None outside it.
        lane: Moves while a step runs.
        paths: The paths of all layers.
        owners: (the framework's variable, the path of its layer, its name) for each weight.
        function: The model as a function of tensors, for the framework's compiler; None where it is not asked for.
        tensors: What it takes.
    """

    name: str
    title: str
    run: Callable[[], Any]
    where: Callable[[], str | None]
    lane: Lane = field(default_factory=Lane)
    paths: Sequence[str] = ()
    owners: Sequence[tuple[Any, str, str]] = ()
    function: Callable[..., Any] | None = None
    tensors: Sequence[Any] = ()

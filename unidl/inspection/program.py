"""What a backend is asked to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.description.plan import LayerPlan
from unidl.errors import UnidlError
from unidl.inspection.inspection import Change
from unidl.inspection.lane import Lane

Arguments = tuple[tuple[Any, ...], dict[str, Any]]


@dataclass(frozen=True, eq=False)
class Trial:
    """A copy of the program, never run before: a backend may run, compile and change it as it likes.

    Args:
        native: Gives the copy's native object as it is now: another one after a change that builds it anew.
        run: `run()` takes one whole training step, or calls the model in inference mode on the first of the program's calls;
            `run(1)` on its second.
        change: Does what the variation is about; nothing for a trial without one.
        lane: Moves while a step runs; stays at "" for a model.
    """

    native: Callable[[], Any]
    run: Callable[..., Any]
    change: Callable[[], None] = lambda: None
    lane: Lane = field(default_factory=Lane)


@dataclass(frozen=True, eq=False)
class Program:
    """A built model, or a Trainer of one.

    Args:
        subject: "model" or "step".
        plan: The model's plan.
        natives: id of a plan -> its native object. They are the user's own: they are looked at, and neither called nor changed.
        calls: (args, kwargs) of each call to look at, as native tensors; more than one to see in what they differ.
            For a step that is the Trainer's own what it calls the model with; for a `training_step` of somebody's own none.
        trial: Makes a copy.
        variations: What is changed ("another batch size", "a layer is frozen") -> makes a copy that `change` changes so. The
            copy's `run` is to be called before and after it.
        compiler: Whether to look at the framework's compiler too (torch.compile, XLA), which takes seconds.
        jit: Whether the Trainer was told to compile its steps, or to try. Trials' steps are not compiled.
        compiled: Makes a copy whose steps are; None for a model.
    """

    subject: str
    plan: LayerPlan
    natives: Mapping[int, Any]
    calls: tuple[Arguments, ...]
    trial: Callable[[], Trial]
    variations: Mapping[str, Callable[[], Trial]] = field(default_factory=dict)
    compiler: bool = True
    jit: bool = False
    compiled: Callable[[], Trial] | None = None

    @property
    def native(self) -> Any:
        """The user's own native object: to be looked at, and neither called nor changed."""
        return self.natives[id(self.plan)]

    def changes(self, measure: Callable[[str, Callable[[], Trial]], Change]) -> tuple[Change, ...]:
        """What each variation means, as a backend measures it; one that unidl refuses is told so.

        Args:
            measure: (what is changed, what makes a copy for it) -> what it meant.
        """
        found = []
        for name, make in self.variations.items():
            try:
                found.append(measure(name, make))
            except UnidlError as error:
                found.append(Change(name, "refused", str(error).splitlines()[0]))
        return tuple(found)

"""A lowering: how a backend runs a layer with the framework's own thing instead of the definition. Every backend has a table of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from unidl.backends.contract import Slot
    from unidl.description.plan import LayerPlan


def _never(plan: LayerPlan) -> str | None:
    return None


def _no_slots(plan: LayerPlan, native: Any) -> dict[str, Slot]:
    return {}


@dataclass(frozen=True)
class Lowering:
    """One row of a backend's table.

    Args:
        make: The framework's object for a traced layer, its weights not yet written.
        call: `call(layer, native, *inputs)` computes with it; `layer` has the constructor's attributes.
        slots: Canonical weight name -> slot.
        refuses: The reason why this lowering cannot serve a layer as it is configured and used, or None.
    """

    make: Callable[[LayerPlan], Any]
    call: Callable[..., Any]
    slots: Callable[[LayerPlan, Any], Mapping[str, Slot]] = _no_slots
    refuses: Callable[[LayerPlan], str | None] = _never


def by_definition(reason: str) -> Lowering:
    """A row for a layer whose definition is better than, or not what, the framework has: it only says why."""

    def make(plan: LayerPlan) -> Any:
        raise RuntimeError(f"{plan.title} has no native form: {reason}")

    return Lowering(make, make, refuses=lambda plan: reason)


@dataclass(frozen=True)
class Way:
    """How a layer runs in a built model, as data.

    Args:
        native: The framework's class that runs it ("torch.nn.Linear"), or the adapter's name.
        way: "native" or "definition".
        reason: Why the definition, where it is one.
    """

    native: str
    way: str
    reason: str = ""


_definitions_only: ContextVar[bool] = ContextVar("unidl_definitions_only", default=False)


@contextmanager
def definitions_only() -> Iterator[None]:
    """Models built inside run every layer by its definition: the reference that lowerings are proven against."""
    token = _definitions_only.set(True)
    try:
        yield
    finally:
        _definitions_only.reset(token)


# (layer class, backend) -> lowering, added by users with `unidl.lowering`
ADDED: dict[tuple[type, str], Lowering] = {}


def choose(table: Mapping[type, Lowering], backend: str, plan: LayerPlan) -> tuple[Lowering | None, str]:
    """The lowering that serves a layer, or None and the reason.

    A subclass is served by its parent's lowering only where it changed neither setup nor forward.
    """
    cls = type(plan.layer)
    if _definitions_only.get():
        return None, "built inside definitions_only()"
    for base in cls.__mro__:
        lowering = ADDED.get((base, backend)) or table.get(base)
        if lowering is None:
            continue
        # a subclass that redefines what is computed is no longer what the lowering computes
        if any(getattr(cls, name, None) is not getattr(base, name, None) for name in ("setup", "forward")):
            return None, f"{cls.__name__} changes {base.__name__}"
        reason = lowering.refuses(plan)
        return (None, reason) if reason else (lowering, "")
    return None, f"{backend} has no lowering of {cls.__name__}"

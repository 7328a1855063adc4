"""Whose the operations of the engine are: which of Keras' layers is being called, and which variable is whose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras.src.backend.common import global_state

from unidl.backends.keras.binding import child_of
from unidl.backends.keras.program import slots
from unidl.description.plan import LayerPlan


def natives_of(plan: LayerPlan, native: Any) -> dict[int, Any]:
    """id of each plan -> its Keras layer, for a native object of that plan."""
    natives = {id(plan): native}
    for part in plan.walk():
        if part.reached:
            for key, child in part.children.items():
                if child.reached:
                    natives.setdefault(id(child), child_of(natives[id(part)], key))
    return natives


def owners(plan: LayerPlan, natives: Mapping[int, Any]) -> list[tuple[Any, str, str]]:
    """(the engine's variable, path of its layer, Keras' name) for each weight."""
    parts = [part for part in plan.walk() if part.reached]
    held = [(slot.native, part.path) for part in parts for slot in slots(part, natives[id(part)]).values()]
    return [(variable.value, path, variable.path) for variable, path in held]


def calling(plan: LayerPlan, natives: Mapping[int, Any]) -> Callable[[], str | None]:
    """Tells which layer is being called now: Keras opens a scope for each call, and the scope knows the layer."""
    paths = {id(natives[id(part)]): part.path for part in plan.walk() if part.reached}

    def where() -> str | None:
        scopes = global_state.get_global_attribute("name_scope_stack") or ()
        callers = (id(scope.caller) for scope in reversed(scopes))  # a layer of Keras' may be made of others
        return next((paths[caller] for caller in callers if caller in paths), None)

    return where

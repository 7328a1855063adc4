"""What the engine does while a Keras program runs: it is asked itself, and told which layer of Keras is being called."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from keras.src.backend.common import global_state

from unidl.backends import registry
from unidl.backends.keras.engine import ENGINE
from unidl.backends.keras.module import child_of
from unidl.backends.keras.program import slots
from unidl.description.plan import LayerPlan
from unidl.inspection.picture import Picture
from unidl.inspection.watched import Watched

BLIND = f"What Keras' engine {ENGINE} runs is not shown: unidl has no backend of its own for it that could be asked."


def can_watch() -> bool:
    """Whether the engine is a backend of unidl's, which knows how to look."""
    return ENGINE in registry.entries()


def watch(watched: Watched) -> Picture:
    """As the engine's own backend sees it; on an engine that has none it runs, and a note says so."""
    if can_watch():
        return registry.load(ENGINE).watch(watched)
    watched.run()
    return Picture((), notes=(BLIND,))


def traces_in(watched: Watched) -> int:
    """How many programs the engine traces into graphs while it runs."""
    if can_watch():
        return registry.load(ENGINE).traces_in(watched)
    watched.run()
    return 0


def natives_of(plan: LayerPlan, native: Any) -> dict[int, Any]:
    """id of each plan -> its Keras layer, for a native object of that plan."""
    natives = {id(plan): native}
    for part in plan.walk():
        if part.reached:
            for key, child in part.children.items():
                if child.reached:
                    natives.setdefault(id(child), child_of(natives[id(part)], key))
    return natives


def owners(plan: LayerPlan, natives: Mapping[int, Any]) -> list[tuple[Any, str]]:
    """(the engine's variable, path of its layer) for each weight."""
    parts = [part for part in plan.walk() if part.reached]
    return [(slot.native.value, part.path) for part in parts for slot in slots(part, natives[id(part)]).values()]


def calling(plan: LayerPlan, natives: Mapping[int, Any]) -> Callable[[], str | None]:
    """Tells which layer is being called now: Keras opens a scope for each call, and the scope knows the layer."""
    paths = {id(natives[id(part)]): part.path for part in plan.walk() if part.reached}

    def where() -> str | None:
        scopes = global_state.get_global_attribute("name_scope_stack") or ()
        callers = (id(scope.caller) for scope in reversed(scopes))  # a layer of Keras' may be made of others
        return next((paths[caller] for caller in callers if caller in paths), None)

    return where


def watching(plan: LayerPlan, native: Any, name: str, title: str, run: Callable[[], Any], **more: Any) -> Watched:
    """A run of a native object, to be watched.

    Args:
        plan: Its plan.
        native: The object.
        name: See Watched.
        title: See Watched.
        run: See Watched.
        **more: Further fields of Watched.
    """
    natives = natives_of(plan, native)
    paths = [part.path for part in plan.walk()]
    return Watched(name, title, run, calling(plan, natives), paths=paths, owners=owners(plan, natives), **more)

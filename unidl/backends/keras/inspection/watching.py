"""What the engine does while a Keras program runs: it is asked itself, and told which layer of Keras is being called."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from unidl.backends.keras.engine import ENGINE, own_backend
from unidl.backends.keras.inspection.operations import calling, natives_of, owners
from unidl.description.plan import LayerPlan
from unidl.inspection.picture import Picture
from unidl.inspection.watched import Watched

BLIND = f"What Keras' engine {ENGINE} runs is not shown: unidl has no backend of its own for it that could be asked."


def can_watch() -> bool:
    """Whether the engine is a backend of unidl's, which knows how to look."""
    return own_backend() is not None


def watch(watched: Watched) -> Picture:
    """As the engine's own backend sees it; on an engine that has none it runs, and a note says so."""
    if (own := own_backend()) is not None:
        return own.watch(watched)
    watched.run()
    return Picture((), notes=(BLIND,))


def traces_in(watched: Watched) -> int:
    """How many programs the engine traces into graphs while it runs."""
    if (own := own_backend()) is not None:
        return own.traces_in(watched)
    watched.run()
    return 0


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

"""A backend's answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from unidl.inspection.graph import Graph
from unidl.inspection.inspection import Change, Event


@dataclass(frozen=True)
class Picture:
    """What one framework made of a program; `unidl.inspect` puts it into an Inspection.

    Args:
        graphs: "layers" first, which every backend has; for a step "step" too.
        events: What happens when building and what when running.
        changes: What each of the program's variations meant.
        facts: What only this framework has, as JSON.
        notes: Sentences for a reader.
    """

    graphs: tuple[Graph, ...]
    events: tuple[Event, ...] = ()
    changes: tuple[Change, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

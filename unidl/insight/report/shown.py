"""What a page shows, made from a comparison or from inspections: one column for each run."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from unidl.errors import ArgumentError
from unidl.insight.comparison import Comparison, Run
from unidl.inspection.cost import LayerCost
from unidl.inspection.inspection import Inspection

COLOURS = 8


@dataclass(frozen=True)
class Column:
    """One run, as a column of tables and a picture among others.

    Args:
        index: Its place, which gives its colour.
        label: What it is called.
        run: Its figures; None where the page is of inspections alone.
        inspections: "model" and "step".
    """

    index: int
    label: str
    run: Run | None = None
    inspections: Mapping[str, Inspection] = field(default_factory=dict)

    @property
    def colour(self) -> str:
        """The class that colours it."""
        return f"run-{self.index % COLOURS}"

    @property
    def ran(self) -> bool:
        """Whether it has figures or an inspection."""
        return self.run is None or self.run.failure is None

    def all(self) -> tuple[Inspection, ...]:
        """Its inspections, the step's first: it tells more."""
        return tuple(self.inspections[name] for name in ("step", "model") if name in self.inspections)

    def costs(self) -> dict[str, LayerCost]:
        """Layer -> its cost."""
        for name in ("model", "step"):
            found = self.inspections.get(name)
            if found is not None and found.costs:
                return {cost.path: cost for cost in found.costs}
        return {}


@dataclass(frozen=True)
class Shown:
    """All that a page shows.

    Args:
        name: What it is of.
        columns: The runs.
        comparison: Where it is of one.
    """

    name: str
    columns: tuple[Column, ...]
    comparison: Comparison | None = None

    def layers(self) -> list[str]:
        """Every layer's path, parents first, in the order in which they run."""
        found: dict[str, None] = {}
        for column in self.columns:
            found.update(dict.fromkeys(column.costs()))
        for column in self.columns:
            for inspection in column.all():
                for graph in inspection.graphs.values():
                    found.update(dict.fromkeys(node.layer for node in graph.nodes))
        found.pop("", None)
        return list(found)

    def versions(self) -> dict[str, Any]:
        """The machine and the packages."""
        if self.comparison is not None:
            return dict(self.comparison.machine)
        found: dict[str, Any] = {}
        for column in self.columns:
            for inspection in column.all():
                found.update(inspection.versions)
        return found


def shown(subject: Comparison | Inspection | Sequence[Inspection]) -> Shown:
    """What the page of a comparison, of an inspection or of several shows."""
    if isinstance(subject, Comparison):
        columns = tuple(Column(i, run.label, run, run.inspections) for i, run in enumerate(subject.runs))
        return Shown(os.path.basename(subject.name) or "comparison", columns, subject)
    inspections = [subject] if isinstance(subject, Inspection) else subject
    wrong = not isinstance(inspections, Sequence) or not inspections
    if wrong or not all(isinstance(each, Inspection) for each in inspections):
        raise ArgumentError(
            "There is no report of this.",
            expected="what unidl.compare or unidl.inspect returned, or a list of inspections",
            received=f"{type(subject).__name__} {subject!r:.80}",
        )
    by_backend: dict[str, dict[str, Inspection]] = {}
    for each in inspections:
        label, number = each.backend, 1
        while each.subject in by_backend.get(label, {}):  # another model on the same backend stands beside the first
            number += 1
            label = f"{each.backend}, {number}"
        by_backend.setdefault(label, {})[each.subject] = each
    found = tuple(Column(i, label, None, each) for i, (label, each) in enumerate(by_backend.items()))
    return Shown(inspections[0].name or "model", found)

"""What a built model consists of: as data, and as a table; and what one that is not built was described with."""

from __future__ import annotations

import math
import reprlib
from dataclasses import dataclass
from typing import Any

from unidl.description.layer import Layer
from unidl.graph.node import leaves
from unidl.models.build import Built, Part
from unidl.models.paths import LayerMapping
from unidl.table import Column, Table

BUILT = (Column("path"), Column("layer"), Column("output"), Column("parameters", "right"), Column("runs as"))
DESCRIBED = (Column("path"), Column("layer"), Column("arguments"))

_SHORT = reprlib.Repr()
_SHORT.maxother = _SHORT.maxstring = 40


@dataclass(frozen=True)
class LoweringRow:
    """How one layer runs.

    Args:
        path: Its structural path, "" for the model itself.
        layer: Its class.
        native: The framework's class that runs it, or the adapter's name.
        way: "native" (the framework's own layer) or "definition" (unidl's definition, in the framework's ops).
        reason: Why the definition, where it is one.
        output_shapes: Of its first call.
        parameters: Numbers in its trainable weights.
        states: Numbers in its other weights.
        dynamic: Whether its forward branches on tensors.
        frozen: Whether it rests.
    """

    path: str
    layer: str
    native: str
    way: str
    reason: str
    output_shapes: tuple[Any, ...]
    parameters: int
    states: int
    dynamic: bool
    frozen: bool


def lowering_rows(built: Built) -> list[LoweringRow]:
    """One row for each layer, in structural order."""
    natives = built.natives()
    rows = []
    for plan in built.plan.walk():
        if plan.reached:
            how = built.backend.lowered(plan, natives[id(plan)])
            sizes = {True: 0, False: 0}
            for weight in plan.weights.values():
                sizes[weight.trainable] += math.prod(weight.shape)
            rows.append(
                LoweringRow(
                    plan.path,
                    plan.kind,
                    how.native,
                    how.way,
                    how.reason,
                    tuple(plan.output_shapes),
                    sizes[True],
                    sizes[False],
                    plan.dynamic,
                    plan.layer._unidl.frozen,
                )
            )
    return rows


def table(model: Layer) -> Table:
    """The layers of a model: with shapes, parameters and how each runs, or as they were described where it is not built."""
    part: Part | None = model._unidl.built
    return _described(model) if part is None else _built(part.as_root(), model.name)


def _built(built: Built, name: str) -> Table:
    rows = lowering_rows(built)
    cells = []
    for row in rows:
        if row.path:
            notes = [note for note, holds in (("dynamic", row.dynamic), ("frozen", row.frozen)) if holds]
            runs = row.native if row.way == "native" else "definition"
            cells.append(
                (
                    row.path,
                    row.layer,
                    ", ".join(_shape(s) for s in row.output_shapes),
                    f"{row.parameters:,}" + (f" + {row.states:,}" if row.states else ""),
                    runs + (f" ({', '.join(notes)})" if notes else ""),
                )
            )
    return Table(
        f"{name}: {built.backend.NAME}, {built.precision}, on {built.device}", BUILT, tuple(cells), _sums(rows, name)
    )


def _sums(rows: list[LoweringRow], name: str) -> tuple[str, ...]:
    total, states = sum(r.parameters for r in rows), sum(r.states for r in rows)
    resting = sum(r.parameters for r in rows if r.frozen)
    line = f"{total:,} parameters"
    if resting:
        line += f", {resting:,} of them frozen"
    if states:
        line += f"; {states:,} numbers of state"
    dynamic = [r.path or name for r in rows if r.dynamic]
    if dynamic:
        return line, f"Dynamic (the data decides what runs): {', '.join(dynamic)}"
    return (line,)


def _described(model: Layer) -> Table:
    rows = tuple((path, type(layer).__name__, _arguments(layer)) for path, layer in LayerMapping(model).items())
    how = "model.build((28, 28, 1)) with your input's shape, a Trainer, or the first call builds it."
    return Table(f"{model.name}: not built", DESCRIBED, rows, (how,))


def _arguments(layer: Layer) -> str:
    """The arguments that say what the layer is; those that hold layers or tensors have rows of their own."""
    plain = {
        name: value
        for name, value in layer._unidl.arguments.items()
        if not any(isinstance(leaf, Layer) or hasattr(leaf, "unidl_node") for leaf in leaves(value))
    }
    return ", ".join(f"{name}={_SHORT.repr(value)}" for name, value in plain.items())


def _shape(shape: Any) -> str:
    return "(" + ", ".join("·" if axis is None else str(axis) for axis in shape) + ")"

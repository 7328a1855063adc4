"""What a built model consists of: as data, and as a table."""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from unidl.models.build import Built


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


def summary(built: Built, name: str, width: int = 120) -> str:
    """The table of layers with shapes, parameters and how each runs."""
    rows = lowering_rows(built)
    table = Table(title=f"{name}: {built.backend.NAME}, {built.precision}, on {built.device}", title_justify="left")
    for heading, justify in (
        ("path", "left"),
        ("layer", "left"),
        ("output", "left"),
        ("parameters", "right"),
        ("runs as", "left"),
    ):
        table.add_column(heading, justify=justify, overflow="fold")  # type: ignore[arg-type]
    for row in rows:
        if row.path:
            notes = [note for note, holds in (("dynamic", row.dynamic), ("frozen", row.frozen)) if holds]
            runs = row.native if row.way == "native" else "definition"
            table.add_row(
                row.path,
                row.layer,
                ", ".join(_shape(s) for s in row.output_shapes),
                f"{row.parameters:,}" + (f" + {row.states:,}" if row.states else ""),
                runs + (f" ({', '.join(notes)})" if notes else ""),
            )
    text = io.StringIO()
    console = Console(file=text, width=width)
    console.print(table)
    total, states = sum(r.parameters for r in rows), sum(r.states for r in rows)
    resting = sum(r.parameters for r in rows if r.frozen)
    line = f"{total:,} parameters"
    if resting:
        line += f", {resting:,} of them frozen"
    if states:
        line += f"; {states:,} numbers of state"
    dynamic = [r.path or name for r in rows if r.dynamic]
    if dynamic:
        line += f"\nDynamic (the data decides what runs): {', '.join(dynamic)}"
    return f"{text.getvalue()}{line}"


def _shape(shape: Any) -> str:
    return "(" + ", ".join("·" if axis is None else str(axis) for axis in shape) + ")"

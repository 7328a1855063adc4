"""Where each layer can go: a row for every case that a format does not take, or takes only as it is told. All others go.

docs/export.md is made of the same rows: python -m tests.conformance.exports
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import unidl
from tests.conformance.case import Case
from tests.conformance.layer_cases import CASES
from unidl.backends import registry
from unidl.graph.node import leaves, map_nest

TARGET = Path(__file__).parents[2] / "docs" / "export.md"
BEGIN, END = "<!-- rows of tests/conformance/exports.py -->", "<!-- end of the rows -->"


@dataclass(frozen=True)
class Row:
    """Cases that a format does not take as they are.

    Args:
        format: The format.
        layer: The layer's class.
        reason: What the error says of them.
        options: With each of these arguments of `unidl.export` they go; () if they cannot.
        cases: Their names; () for all.
    """

    format: str
    layer: str
    reason: str
    options: tuple[Mapping[str, Any], ...] = ()
    cases: tuple[str, ...] = ()


LOOPS = "LiteRT's loops need fixed lengths"
LAYERS = ({"custom": "layers"},)
EITHER = ({"custom": "constants"}, *LAYERS)

ROWS = [
    Row("litert", "LSTM", LOOPS, ({"batch_size": 2},)),
    Row("litert", "GRU", LOOPS, ({"batch_size": 2},)),
    Row("litert", "Bidirectional", LOOPS, ({"batch_size": 2},)),
    Row("litert", "Stack", LOOPS, ({"batch_size": 2},)),
    Row(
        "keras",
        "LSTM",
        "keras.activations has none that computes its activation",
        LAYERS,
        ("an activation of one's own",),
    ),
    Row(
        "keras",
        "MultiHeadAttention",
        "keras.layers.MultiHeadAttention looks everywhere where a place may look nowhere",
        EITHER,
        ("mask, some places look nowhere", "mask of padding, no bias", "mask and causal"),
    ),
    Row(
        "keras",
        "MultiHeadAttention",
        "keras.layers.MultiHeadAttention looks everywhere where a single head may look nowhere",
        EITHER,
        ("a mask for each head",),
    ),
    *(
        Row("keras", name, f"keras has no lowering of {name}", EITHER)
        for name in (
            *("SpatialDropout1D", "SpatialDropout2D", "SpatialDropout3D"),
            *("GaussianNoise", "GaussianDropout", "AlphaDropout"),
        )
    ),
    Row("keras", "PReLU", "keras has no lowering of PReLU", EITHER),
    Row("keras", "RMSNormalization", "keras has no lowering of RMSNormalization", EITHER, ("last axis", "two axes")),
    Row(
        "keras",
        "GroupNormalization",
        "keras has no lowering of GroupNormalization",
        EITHER,
        ("images", "features", "one channel a group, scale alone"),
    ),
    Row(
        "keras",
        "InstanceNormalization",
        "keras has no lowering of InstanceNormalization",
        EITHER,
        ("images", "series, offset alone"),
    ),
    Row("keras", "Doubled", "Doubled changes Dense", EITHER),
    Row("keras", "Scale", "keras has no lowering of Scale", EITHER),
    Row("keras", "Centre", "keras has no lowering of Centre", EITHER),
]


def row(format_: str, case: Case) -> Row | None:
    """The row that a case stands in."""
    found = [
        r
        for r in ROWS
        if (r.format, r.layer) == (format_, type(case.layer).__name__) and (not r.cases or case.name in r.cases)
    ]
    assert len(found) < 2, f"{case.id} stands in two rows of {format_}"
    return found[0] if found else None


def model(cases: list[Case]) -> unidl.Model:
    """The cases side by side, as one model of all their inputs, which gives all their outputs in a list."""
    inputs: list[Any] = []
    outputs: list[Any] = []

    def given(array: Any) -> Any:
        dtype = np.asarray(array).dtype.name
        inputs.append(unidl.Input(np.shape(array)[1:], dtype=None if dtype == "float64" else dtype))
        return inputs[-1]

    for case in cases:
        args, named = map_nest(given, (list(case.inputs), dict(case.named)))
        outputs += leaves(copy.deepcopy(case.layer)(*args, **named, **case.options))
    return unidl.Model(inputs if len(inputs) > 1 else inputs[0], outputs if len(outputs) > 1 else outputs[0])


def batch(cases: list[Case], size: int) -> list[np.ndarray]:
    """Their arrays, repeated or cut to a batch of that size."""
    arrays = [np.asarray(leaf) for case in cases for leaf in leaves((case.inputs, dict(case.named)))]
    repeated = [np.concatenate([a] * (size // len(a) + 1))[:size] for a in arrays]
    return [a.astype("float32") if a.dtype == "float64" else a for a in repeated]


def one_of_each(format_: str) -> list[Case]:
    """The first case of each layer class that the format takes as it is."""
    found: dict[str, Case] = {}
    for case in CASES:
        if row(format_, case) is None:
            found.setdefault(type(case.layer).__name__, case)
    return list(found.values())


def rows_text() -> str:
    """The rows, as the page shows them."""
    lines = ["| format | layer | when | why | how it goes |", "|---|---|---|---|---|"]
    for r in ROWS:
        how = " or ".join(f"`{key}={value!r}`" for way in r.options for key, value in way.items()) or "not at all"
        lines.append(f"| `{r.format}` | {r.layer} | {'; '.join(r.cases) or 'always'} | {r.reason} | {how} |")
    count = len(CASES) * len(registry.formats())
    taken = sum(row(f, case) is None for f in registry.formats() for case in CASES)
    lines += ["", f"{taken} of the {count} pairs of a case and a format go as they are."]
    return "\n".join(lines)


def text() -> str:
    """The page with the rows as they are now."""
    page = TARGET.read_text()
    head, _, rest = page.partition(BEGIN)
    _, _, tail = rest.partition(END)
    return f"{head}{BEGIN}\n\n{rows_text()}\n\n{END}{tail}"


if __name__ == "__main__":
    TARGET.write_text(text())

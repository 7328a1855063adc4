"""The support table, docs/support.md, from the same cases that the tests run.

After a change of the cases: python -m tests.conformance.table
"""

from __future__ import annotations

from pathlib import Path

from tests.conformance.case import Case
from tests.conformance.layer_cases import CASES
from tests.conformance.ways import KERNELS
from unidl import layers

TARGET = Path(__file__).parents[2] / "docs" / "support.md"
PRECISIONS = ("float32", "float64")
# heading -> backend and Keras' engine
COLUMNS = {
    "torch": ("torch", ""),
    "keras, on TensorFlow": ("keras", "tensorflow"),
    "keras, on torch": ("keras", "torch"),
    "tensorflow": ("tensorflow", ""),
}

HEAD = """# How each layer runs

A layer has one definition, written with `unidl.ops`, which runs on every backend. Where a framework has a layer of its own that computes
the same, it runs instead: that is a *lowering*. This page is made of the cases in `tests/conformance/layer_cases.py`, each of which
is run on each backend and compared with the definition in float64: outputs, gradients by every input and weight, states after a
training step, other batch sizes; float32 within 1e-5, float64 within 1e-10. `model.lowering()` tells the same of a model.

TensorFlow has no layers outside Keras: there the definition is traced into a graph of `tf` operations, which is what a layer is. Where
one of its kernels does the whole at once, a module around that kernel runs.
"""


def of(layer: str) -> list[Case]:
    """The cases of a layer."""
    return [case for case in CASES if type(case.layer).__name__ == layer]


def is_native(way: str) -> bool:
    """Whether a way is a class of a framework, and no reason."""
    return way.startswith(("torch.nn.", "keras.layers.", KERNELS)) and " " not in way


def natives(layer: str, backend: str, engine: str) -> list[str]:
    """The framework's classes that run a layer, in the order of the cases."""
    ways = [case.way(backend, precision, engine) for case in of(layer) for precision in PRECISIONS]
    return list(dict.fromkeys(way for way in ways if is_native(way)))


def reasons(layer: str, backend: str, engine: str) -> dict[str, str]:
    """Why the definition runs -> when."""
    found: dict[str, list[tuple[str, str]]] = {}
    for case in of(layer):
        for precision in PRECISIONS:
            way = case.way(backend, precision, engine)
            if not is_native(way):
                found.setdefault(way, []).append((case.name, precision))
    ways = [(case.way(backend, p, engine), p) for case in of(layer) for p in PRECISIONS]
    never = [p for p in PRECISIONS if not any(is_native(way) for way, precision in ways if precision == p)]
    return {way: when(places, never) for way, places in found.items()}


def when(places: list[tuple[str, str]], never: list[str]) -> str:
    """The cases and precisions in words.

    Args:
        places: The cases, each with its precision.
        never: The precisions in which no case runs natively.
    """
    cases = list(dict.fromkeys(name for name, _ in places))
    float64_alone = all(precision == "float64" for _, precision in places)
    if never == list(PRECISIONS):
        return "always"
    if float64_alone and never == ["float64"]:
        return "in float64"
    return "; ".join(cases) + (", in float64" if float64_alone else "")


def cell(layer: str, backend: str, engine: str) -> str:
    """One place of the table."""
    found = natives(layer, backend, engine)
    if len(found) > 3:
        package, _, _ = found[0].rpartition(".")
        return f"`{package}`'s own, {len(found)} of them"
    return ", ".join(f"`{way.rpartition('.')[2] if way.startswith(KERNELS) else way}`" for way in found) or "definition"


def text() -> str:
    """The page."""
    names = sorted(name for name, value in vars(layers).items() if isinstance(value, type) and name != "Layer")
    lines = [HEAD, "| layer | " + " | ".join(COLUMNS) + " | cases |", "|---" * (len(COLUMNS) + 2) + "|"]
    for name in names:
        cells = [cell(name, *column) for column in COLUMNS.values()]
        lines.append(f"| {name} | {' | '.join(cells)} | {len(of(name))} |")
    lines += ["", "## Where the definition runs, and why", ""]
    common = reasons("Dense", "keras", "torch")  # of every layer
    lines += [f"Everywhere on Keras' engine torch, {condition}: {why}." for why, condition in common.items()]
    for heading, column in COLUMNS.items():
        lines += ["", f"### {heading}", "", "| layer | when | why |", "|---|---|---|"]
        for name in names:
            for why, condition in reasons(name, *column).items():
                if (why not in common or column[1] != "torch") and why != f"tensorflow has no lowering of {name}":
                    lines.append(f"| {name} | {condition} | {why} |")
    used = {type(case.layer).__name__ for case in CASES} - set(names)
    lines += [
        "",
        f"A user's own layers run by their definition on every backend; the cases have {len(used)} of them.",
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    TARGET.write_text(text())

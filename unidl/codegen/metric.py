"""A metric as code of the file: two functions, traced from its `update` and its `result`, and the state that they share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl import ops
from unidl.codegen.host import state_of, traced
from unidl.codegen.host_code import PythonCode, function_text, variables_in
from unidl.codegen.identifiers import distinct, identifier
from unidl.codegen.layout import tidy
from unidl.codegen.literals import docstring
from unidl.codegen.loop import Loop, started, state_specs
from unidl.graph.tensor import SymbolicTensor


@dataclass(frozen=True)
class Measure:
    """A metric of the file.

    Args:
        name: What it is logged as.
        class_name: What its class is called.
        doc: Its docstring.
        start: The state before the first batch.
        update: The function (*state, targets, predictions) -> the state.
        result: The function (*state) -> the number.
        texts: Both functions.
    """

    name: str
    class_name: str
    doc: list[str]
    start: dict[str, np.ndarray]
    update: str
    result: str
    texts: list[str]


def measure_of(
    loop: Loop, metric: Any, code: type[PythonCode] = PythonCode, cast: str = "", first: Any = None
) -> Measure:
    """A metric by its definition.

    Args:
        loop: The training.
        metric: The description.
        code: How `result` is written.
        cast: A statement that makes a state's `{name}` a number of floating dtype; "" for none.
        first: Statements before the update's, as Loop.function takes them.
    """
    cls, near = type(metric), identifier(metric.name)
    specs = state_specs(metric)

    def update(state: dict[str, Any], targets: Any, predictions: Any) -> list[Any]:
        after = metric.update(state, targets, predictions)
        found = [after[name] for name in specs]
        return [
            t if isinstance(t, SymbolicTensor) else ops.full_like(state[name], t)
            for name, t in zip(specs, found, strict=True)
        ]

    more = {} if first is None else {"first": first}
    called, lines = loop.function(update, f"{near}_update", specs, **more)
    tree = traced(metric, "result", state_of({name: spec.shape for name, spec in specs.items()}))
    names = distinct(specs, identifier)
    result = loop.author.name(f"{near}_result")
    casts = [cast.format(name=names[name]) for name in variables_in(tree)] if cast else []
    texts = ["\n".join(lines), "\n".join(tidy(function_text(code, result, names, tree, casts)))]
    said = next(iter((cls.__doc__ or "").strip().splitlines()), "")
    doc = docstring(said if 0 < len(said) <= 76 else f"{cls.__name__}.")
    return Measure(metric.name, loop.author.name(cls.__name__), doc, started(metric), called, result, texts)

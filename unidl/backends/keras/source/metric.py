"""A metric as one writes it in Keras: a keras.metrics.Metric around the functions traced from the definition."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from unidl.backends.keras.source.optimizer import REGISTERED
from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.host_code import OpsCode
from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import literal
from unidl.codegen.loop import Loop
from unidl.codegen.metric import measure_of
from unidl.graph.spec import is_float


def as_labels(loop: Loop) -> Callable[[str], list[str]]:
    """The first statement of a function of targets: Keras hands class indices on as floats."""
    dtype = loop.targets.dtype
    return lambda targets: [] if is_float(dtype) else [f"{targets} = ops.cast({targets}, {literal(dtype)})"]


def measure(loop: Loop, metric: Any) -> tuple[str, list[str]]:
    """The class' name, and the texts of its functions and of itself."""
    made = measure_of(loop, metric, OpsCode, '{name} = ops.cast({name}, "float32")', as_labels(loop))
    states = [
        f"self.add_weight(name={literal(name)}, shape={literal(array.shape)}, "
        f"initializer={_start(array)}, dtype={literal(array.dtype.name)})"
        for name, array in made.start.items()
    ]
    body = [
        *made.doc,
        "",
        f"def __init__(self, name={literal(made.name)}, **kwargs):",
        "    super().__init__(name=name, **kwargs)",
        "    self.state = [",
        *(f"        {state}," for state in states),
        "    ]",
        "",
        "def update_state(self, targets, predictions, sample_weight=None):",
        "    state = [ops.convert_to_tensor(part) for part in self.state]",
        f"    after = {made.update}(*state, targets, predictions)",
        "    for part, value in zip(self.state, after):",
        "        part.assign(ops.cast(value, part.dtype))",
        "",
        *(_reset(list(made.start.values())) if any(array.any() for array in made.start.values()) else []),
        "def result(self):",
        f"    return {made.result}(*(ops.convert_to_tensor(part) for part in self.state))",
    ]
    head = [REGISTERED, f"class {made.class_name}(keras.metrics.Metric):"]
    return made.class_name, [*made.texts, "\n".join([*head, *tidy(indented(body))])]


def _reset(arrays: list[np.ndarray]) -> list[str]:
    """Keras' own makes zeros."""
    starts = [
        call("ops.full", array.shape, array.flat[0].item())
        if array.size and (array == array.flat[0]).all()
        else Code(literal(array.tolist()))
        for array in arrays
    ]
    return [
        "def reset_state(self):",
        f"    for part, value in zip(self.state, {literal(starts)}):",
        "        part.assign(ops.cast(value, part.dtype))",
        "",
    ]


def _start(array: np.ndarray) -> Code:
    return Code('"zeros"') if not array.any() else call("keras.initializers.Constant", array.tolist())

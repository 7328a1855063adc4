"""A metric as one writes it in torch: a class with a state, which a loop gives its batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from unidl.codegen.calls import call
from unidl.codegen.code import Code
from unidl.codegen.layout import indented, tidy
from unidl.codegen.literals import dtype
from unidl.codegen.loop import Loop
from unidl.codegen.metric import measure_of


def measure(loop: Loop, metric: Any) -> tuple[str, list[str]]:
    """The class' name, and the texts of its functions and of itself."""
    made = measure_of(loop, metric)
    starts = [f"{_start(array)}," for array in made.start.values()]
    body = [
        *made.doc,
        "",
        "def __init__(self):",
        "    self.reset()",
        "",
        "def reset(self):",
        *_assigned("self.state = [", starts, "]"),
        "",
        "def update(self, targets, predictions):",
        f"    self.state = {made.update}(*self.state, targets, predictions)",
        "",
        "def result(self):",
        f"    return float({made.result}(*(part.cpu().numpy() for part in self.state)))",
    ]
    return made.class_name, [*made.texts, "\n".join(tidy([f"class {made.class_name}:", *indented(body)]))]


def _assigned(head: str, items: list[str], tail: str) -> list[str]:
    short = f"    {head}{' '.join(items).removesuffix(',')}{tail}"
    return [short] if len(short) <= 80 else [f"    {head}", *(f"        {item}" for item in items), f"    {tail}"]


def _start(array: np.ndarray) -> Code:
    kind = None if array.dtype == "float32" else dtype("torch", array.dtype.name)
    if not array.any():
        return call("torch.zeros", array.shape, dtype=kind)
    return call("torch.tensor", array.tolist(), dtype=kind)

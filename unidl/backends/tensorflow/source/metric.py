"""A metric as one writes it in TensorFlow: a tf.Module with a state, which a step gives its batch."""

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
    body = [
        *made.doc,
        "",
        "def __init__(self):",
        "    super().__init__()",
        f"    self.start = [{', '.join(str(_start(array)) for array in made.start.values())}]",
        "    self.state = [tf.Variable(start, trainable=False) for start in self.start]",
        "",
        "def reset(self):",
        "    self._assign(self.start)",
        "",
        "def update(self, targets, predictions):",
        "    state = [part.read_value() for part in self.state]",
        f"    self._assign({made.update}(*state, targets, predictions))",
        "",
        "def result(self):",
        f"    return float({made.result}(*(part.numpy() for part in self.state)))",
        "",
        "def _assign(self, values):",
        "    for part, value in zip(self.state, values):",
        "        part.assign(tf.cast(value, part.dtype))",
    ]
    return made.class_name, [*made.texts, "\n".join(tidy([f"class {made.class_name}(tf.Module):", *indented(body)]))]


def _start(array: np.ndarray) -> Code:
    if not array.any():
        kind = None if array.dtype == "float32" else dtype("tf", array.dtype.name)
        return call("tf.zeros", list(array.shape), dtype=kind)
    return call("tf.constant", array.tolist(), dtype=dtype("tf", array.dtype.name))

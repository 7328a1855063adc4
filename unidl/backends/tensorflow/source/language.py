"""How TensorFlow's modules and files are written."""

from __future__ import annotations

import re
from typing import Any, ClassVar

import numpy as np

from unidl.backends.tensorflow.module import MODULE
from unidl.backends.tensorflow.source.expressions import OPS
from unidl.backends.tensorflow.source.images import IMAGES
from unidl.backends.tensorflow.source.layers import GLOROT, LAYERS
from unidl.backends.tensorflow.source.loop import train_file
from unidl.backends.tensorflow.source.sequences import SEQUENCES
from unidl.codegen.author import Author
from unidl.codegen.calls import call
from unidl.codegen.classes import Class
from unidl.codegen.code import Code, Line, Value
from unidl.codegen.identifiers import attribute
from unidl.codegen.inputs import inputs_of
from unidl.codegen.language import Language
from unidl.codegen.layout import indented, written
from unidl.codegen.literals import docstring, dtype, literal
from unidl.codegen.loop import Loop
from unidl.description.plan import WeightSpec
from unidl.graph.node import map_nest
from unidl.graph.tensor import SymbolicTensor
from unidl.initializers import Constant, Ones, Zeros


class TensorFlow(Language):
    """A tf.Module for each class, with its variables; the model's call is one tf.function."""

    name = "tensorflow"
    title = "TensorFlow"
    layers: ClassVar = {**LAYERS, **IMAGES, **SEQUENCES}
    ops: ClassVar = OPS
    modules: ClassVar = ("tensorflow", "safetensors.numpy")
    trains_with: ClassVar = ("accuracy", "cross_entropy", "binary_cross_entropy")
    taken: ClassVar = (
        "tf", "math", "load_file", "Path", "WEIGHTS", "load", "find", "glorot_uniform", "Dense", "Embedding",
        "BatchNormalization", "LayerNormalization", "Conv2D", "GroupedConv2D", "Conv2DTranspose", "LSTM", "MultiHeadAttention",
    )  # fmt: skip
    locals: ClassVar = ("self", "training")

    def cast(self, code: Code, wanted: str) -> Code:
        """tf.cast."""
        return call("tf.cast", code, dtype("tf", wanted))

    def array(self, array: np.ndarray, wanted: str) -> Code:
        """A constant."""
        return call("tf.constant", array.tolist(), dtype("tf", wanted))

    def length(self, value: Value, axis: int) -> Code:
        """A scalar."""
        return Code(f"tf.shape({value}, tf.int64)[{axis}]", names=value.code.names)

    def copied(self, code: Code) -> Code:
        """The value now."""
        return Code(f"tf.identity({code})", names=code.names)

    def updated(self, me: str, value: Code) -> list[Line]:
        """The variable is assigned."""
        return [Line(f"{me}.assign({value})")]

    def attribute(self, name: str) -> str:
        """None that a tf.Module has."""
        return attribute(name, MODULE)

    def nest(self, held: Any) -> str:
        """Plain lists and dicts, which a tf.Module tracks."""
        if isinstance(held, dict):
            return f"{{{', '.join(f'{literal(key)}: {self.nest(item)}' for key, item in held.items())}}}"
        if isinstance(held, list):
            parts = [self.nest(item) for item in held]
            if len(parts) > 2 and len(set(parts)) == 1:
                return f"[{parts[0]} for _ in range({len(parts)})]"
            return f"[{', '.join(parts)}]"
        text: str = held.text
        return text

    def weight(self, spec: WeightSpec, me: str, author: Author) -> Line:
        """A variable."""
        trainable = None if spec.trainable else False
        return Line(f"{me} = {call('tf.Variable', _initial(spec, author), trainable=trainable)}")

    def passed_training(self, cls: Class) -> list[str]:
        """The flag, for a module that needs it."""
        return ["training"] if cls.trains else []

    def training_text(self, loop: Loop) -> str:
        """A step that is one tf.function."""
        return train_file(loop)

    def class_lines(self, cls: Class, author: Author) -> list[str]:
        """A tf.Module."""
        lines = [f"class {cls.name}(tf.Module):", *indented(cls.docstring_lines), ""]
        if cls.init:
            lines += ["    def __init__(self):", "        super().__init__()", *written(cls.init, 2), ""]
        training = ["training=False"] if cls.trains else []
        if not cls.is_called:
            return lines[:-1]
        if not cls.is_root:
            return [
                *lines,
                f"    def __call__({', '.join(['self', *cls.parameters, *training])}):",
                *written(cls.lines, 2),
            ]
        signature = [Line(f"@{call('tf.function', input_signature=_signature(cls))}")]
        head = [*written(signature, 1), f"    def __call__({', '.join(['self', *cls.parameters])}):"]
        if not cls.trains:
            return [*lines, *head, *written(cls.lines, 2)]
        given = ", ".join(cls.parameters)
        lines += [*head, f"        return self.forward({given})", ""]
        return [*lines, f"    def forward({', '.join(['self', *cls.parameters, *training])}):", *written(cls.lines, 2)]

    def file_title(self, name: str) -> str:
        """The name."""
        return f"{name} in TensorFlow."

    def file_text(self, author: Author, title: str, loads: bool = False, model: bool = True) -> str:
        """The import, helpers, functions, and the modules, the model last."""
        root = author.class_of(author.root)
        helpers = [
            author.helpers[key] for key in sorted(author.helpers, key=lambda key: (key != "glorot_uniform", key))
        ]
        blocks = [*helpers, *author.function_texts]
        blocks += ["\n".join(self.class_lines(cls, author)) for cls in author.classes if cls is not root]
        blocks += ["\n".join(self.class_lines(root, author))] if model else []
        if loads:
            blocks.append(LOAD.format(model=root.name))
        text = "\n\n\n".join(blocks)
        standard = ["import math"] if re.search(r"(?<![\w.])math\.", text) else []
        standard += ["from pathlib import Path"] if loads else []
        head = [*standard, ""] if standard else []
        head += ["import tensorflow as tf"]
        head += ["from safetensors.numpy import load_file"] if loads else []
        return "\n".join([*docstring(title), "", *head]) + f"\n\n\n{text}\n"


LOAD = '''WEIGHTS = Path(__file__).with_name("weights.safetensors")


def load(path=WEIGHTS):
    """The model with its weights."""
    model = {model}()
    for name, array in load_file(path).items():
        find(model, name).assign(array)
    return model


def find(model, path):
    """The variable under a path, such as "blocks/0/dense/kernel"."""
    for key in path.split("/"):
        if isinstance(model, tf.Module):
            model = getattr(model, key)
        else:
            model = model[key] if isinstance(model, dict) else model[int(key)]
    return model'''


def _signature(cls: Class) -> list[Any]:
    plan = cls.plan
    given = inputs_of(plan, plan.calls[0]).values()

    def spec(leaf: Any) -> Any:
        return (
            call("tf.TensorSpec", list(leaf.shape), dtype("tf", leaf.dtype))
            if isinstance(leaf, SymbolicTensor)
            else leaf
        )

    return [map_nest(spec, _lists(value)) for value in given]


def _lists(nest: Any) -> Any:
    return [_lists(item) for item in nest] if isinstance(nest, (list, tuple)) else nest


def _initial(spec: WeightSpec, author: Author) -> Code:
    shape = list(spec.shape)
    kind = [dtype("tf", spec.dtype)] if spec.dtype != "float32" else []
    if isinstance(spec.initializer, Ones):
        return call("tf.ones", shape, *kind)
    if isinstance(spec.initializer, Zeros) or kind:
        return call("tf.zeros", shape, *kind)
    if isinstance(spec.initializer, Constant):
        return call("tf.fill", shape, float(spec.initializer.value))
    if len(shape) > 1:
        author.helper("glorot_uniform", GLOROT)
        return call("glorot_uniform", shape)
    return call("tf.random.normal", shape, stddev=0.05)

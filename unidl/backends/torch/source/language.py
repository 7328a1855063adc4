"""How torch's classes and files are written."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any, ClassVar

import numpy as np
import torch

from unidl.backends.torch.fast_path import torch_class
from unidl.backends.torch.layers import NATIVES
from unidl.backends.torch.module import MODULE, module_key
from unidl.backends.torch.native import make
from unidl.backends.torch.source.expressions import OPS
from unidl.backends.torch.source.loop import train_file
from unidl.backends.torch.source.windows import WINDOWS
from unidl.codegen.author import Author
from unidl.codegen.calls import binary, call
from unidl.codegen.classes import Class
from unidl.codegen.code import Code, Line, Value
from unidl.codegen.identifiers import attribute
from unidl.codegen.language import Language
from unidl.codegen.layout import indented, written
from unidl.codegen.literals import docstring, dtype, literal
from unidl.codegen.loop import Loop
from unidl.codegen.pointwise import POINTWISE
from unidl.description.plan import LayerPlan, WeightSpec
from unidl.initializers import Constant, Ones, Zeros
from unidl.native.row import Native


class Torch(Language):
    """An nn.Module for each class, `self.training` in it, images with channels first between its doors."""

    name = "torch"
    title = "torch"
    natives: ClassVar = NATIVES
    layers: ClassVar = {}
    ops: ClassVar = OPS
    modules: ClassVar = ("torch", "torch.nn.functional", "torch.utils.data", "safetensors.torch")
    trains_with: ClassVar = ("hits",)
    taken: ClassVar = (
        "torch", "nn", "F", "load_file", "Path", "WEIGHTS", "load", "pad_same", "held", "causal_mask"
    )  # fmt: skip
    elementwise = POINTWISE
    windowed = frozenset(WINDOWS)
    channels_first = True
    training_flag = "self.training"

    def defaults(self, name: str) -> dict[str, Any]:
        """Those of its constructor, and of its parents' constructors to which it passes the rest."""
        found: dict[str, Any] = {}
        for cls in reversed(torch_class(name).__mro__):
            constructor = vars(cls).get("__init__")
            if constructor is not None:
                found |= {key: p.default for key, p in inspect.signature(constructor).parameters.items()}
        return found

    def fixed(self, tensor: str, value: float) -> list[str]:
        """`nn.init.zeros_(…).requires_grad_(False)`."""
        how = {0.0: "zeros_({me}.%s)", 1.0: "ones_({me}.%s)"}.get(value, f"constant_({{me}}.%s, {literal(value)})")
        return [f"nn.init.{how % tensor}.requires_grad_(False)"]

    def native_tensors(self, native: Native, plan: LayerPlan, dtype: np.dtype) -> dict[str, np.ndarray]:
        """All that is in the module's state_dict."""
        fixed = native.fixed_in(plan)
        with torch.device("meta"):
            module = make(dataclasses.replace(native, runs=None), plan)
        return {
            name: np.full(tensor.shape, fixed[name].value if name in fixed else 0, _numpy_dtype(tensor, dtype))
            for name, tensor in module.state_dict().items()
        }

    def cast(self, code: Code, wanted: str) -> Code:
        """`x.float()`, `x.long()`, or `x.to(torch.int32)`."""
        short = {"float32": "float", "int64": "long", "bool": "bool"}.get(wanted)
        text = f"{code:a}.{short}()" if short else f"{code:a}.to({dtype('torch', wanted)})"
        return Code(text, names=code.names)

    def array(self, array: np.ndarray, wanted: str) -> Code:
        """A constant beside the tensors; on the CPU."""
        return call("torch.tensor", array.tolist(), dtype=dtype("torch", wanted))

    def length(self, value: Value, axis: int) -> Code:
        """An int."""
        axis = axis if not value.first else {0: 0, len(value.shape) - 1: 1}.get(axis, axis + 1)
        return Code(f"{value:a}.shape[{axis}]", names=value.code.names)

    def copied(self, code: Code) -> Code:
        """A clone."""
        return Code(f"{code:a}.clone()", names=code.names)

    def updated(self, me: str, value: Code) -> list[Line]:
        """The buffer in place, without a gradient."""
        return [Line("with torch.no_grad():"), Line(f"{me}.copy_({value})", indent=1)]

    def moved(self, value: Value, first: bool) -> Code:
        """A view."""
        axes = len(value.shape)
        if axes == 3:
            how = "transpose(1, 2)"
        else:
            order = (0, axes - 1, *range(1, axes - 1)) if first else (0, *range(2, axes), 1)
            how = f"permute{order}"
        return Code(f"{value:a}.{how}", names=value.code.names)

    def is_move(self, text: str) -> bool:
        """Whether a statement is a permutation of axes."""
        return ".permute(" in text or ".transpose(1, 2)" in text

    def attribute(self, name: str) -> str:
        """None that nn.Module has."""
        return attribute(name, MODULE)

    def dict_key(self, key: str) -> str:
        """One that a ModuleDict takes, and torch.fx can write into its code."""
        return module_key(key)

    def joined(self, parts: list[str]) -> str:
        """As in a state_dict."""
        return ".".join(parts)

    def nest(self, held: Any) -> str:
        """A ModuleList or ModuleDict."""
        if isinstance(held, dict):
            pairs = ", ".join(f"{literal(key)}: {self.nest(item)}" for key, item in held.items())
            return f"nn.ModuleDict({{{pairs}}})"
        if isinstance(held, list):
            parts = [self.nest(item) for item in held]
            if len(parts) > 2 and len(set(parts)) == 1:
                return f"nn.ModuleList({parts[0]} for _ in range({len(parts)}))"
            return f"nn.ModuleList([{', '.join(parts)}])"
        text: str = held.text
        return text

    def weight(self, spec: WeightSpec, me: str, author: Author) -> Line:
        """A parameter, or a buffer for a state."""
        start = _initial(spec)
        if not spec.trainable:
            return Line(call("self.register_buffer", me.removeprefix("self."), start).text)
        return Line(f"{me} = {call('nn.Parameter', start)}")

    def training_text(self, loop: Loop) -> str:
        """A loop over batches."""
        return train_file(loop)

    def class_lines(self, cls: Class, author: Author) -> list[str]:
        """An nn.Module."""
        lines = [f"class {cls.name}(nn.Module):", *indented(cls.docstring_lines)]
        if cls.init:
            lines += ["", "    def __init__(self):", "        super().__init__()", *written(cls.init, 2)]
        if not cls.is_called:
            return lines
        lines += ["", f"    def forward({', '.join(['self', *cls.parameters])}):", *written(cls.lines, 2)]
        return lines

    def file_title(self, name: str) -> str:
        """With what a user of torch should know of its data."""
        return f"{name} in PyTorch. Data comes with its channels last, as in Keras and TensorFlow."

    def file_text(self, author: Author, title: str, loads: bool = False, model: bool = True) -> str:
        """Imports, helpers, functions, and the classes, the model last."""
        root = author.class_of(author.root)
        blocks = [*author.helpers.values(), *author.function_texts]
        blocks += ["\n".join(self.class_lines(cls, author)) for cls in author.classes if cls is not root]
        blocks += ["\n".join(self.class_lines(root, author))] if model else []
        if loads:
            blocks.append(LOAD.format(model=root.name))
        text = "\n\n\n".join(blocks)
        head = ["from pathlib import Path", ""] if loads else []
        head += ["import torch"] if _uses(text, "torch") else []
        head += ["import torch.nn.functional as F"] if _uses(text, "F") else []
        head += ["from safetensors.torch import load_file"] if loads else []
        head += ["from torch import nn"]
        return "\n".join([*docstring(title), "", *head]) + f"\n\n\n{text}\n"


LOAD = '''WEIGHTS = Path(__file__).with_name("weights.safetensors")


def load(path=WEIGHTS):
    """The model with its weights, in evaluation mode."""
    model = {model}()
    model.load_state_dict(load_file(path))
    return model.eval()'''


def _numpy_dtype(tensor: torch.Tensor, floating: np.dtype) -> np.dtype:
    return floating if tensor.is_floating_point() else np.dtype(str(tensor.dtype).removeprefix("torch."))


def _uses(text: str, word: str) -> bool:
    return any(f"{before}{word}." in text for before in " ([{=-~*\n,")


def _initial(spec: WeightSpec) -> Code:
    kind = dtype("torch", spec.dtype) if spec.dtype != "float32" else None
    size = spec.shape or [()]
    if isinstance(spec.initializer, Ones):
        return call("torch.ones", *size, dtype=kind)
    if isinstance(spec.initializer, Zeros) or kind:
        return call("torch.zeros", *size, dtype=kind)
    if isinstance(spec.initializer, Constant):
        return call("torch.full", spec.shape, float(spec.initializer.value))
    if len(spec.shape) > 1:
        return call("nn.init.xavier_uniform_", call("torch.empty", *size))
    return binary(call("torch.randn", *size), "*", 0.05)

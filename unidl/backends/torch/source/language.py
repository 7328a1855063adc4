"""How torch's classes and files are written."""

from __future__ import annotations

from typing import Any, ClassVar

import numpy as np

from unidl.backends.torch.source.expressions import OPS
from unidl.backends.torch.source.images import IMAGES
from unidl.backends.torch.source.layers import LAYERS
from unidl.backends.torch.source.loop import train_file
from unidl.backends.torch.source.sequences import SEQUENCES
from unidl.codegen.author import Author
from unidl.codegen.classes import Class
from unidl.codegen.code import Code, Line, Value, call
from unidl.codegen.language import Language
from unidl.codegen.layout import indented, written
from unidl.codegen.loop import Loop
from unidl.description.plan import WeightSpec
from unidl.initializers import Constant, Ones, Zeros

_ELEMENTWISE = frozenset(
    [
        "add",
        "subtract",
        "multiply",
        "divide",
        "power",
        "negative",
        "abs",
        "sign",
        "maximum",
        "minimum",
        "square",
        "sqrt",
        "rsqrt",
        "exp",
        "log",
        "log1p",
        "tanh",
        "relu",
        "relu6",
        "sigmoid",
        "silu",
        "gelu",
        "gelu_tanh",
        "elu",
        "selu",
        "leaky_relu",
        "mish",
        "softplus",
        "log_sigmoid",
        "hard_sigmoid",
        "hard_silu",
        "softsign",
        "clip",
        "cast",
        "where",
        "stop_gradient",
        "random_dropout",
    ]
)


class Torch(Language):
    """An nn.Module for each class, `self.training` in it, images with channels first between its doors."""

    name = "torch"
    title = "torch"
    layers: ClassVar = {**LAYERS, **IMAGES, **SEQUENCES}
    ops: ClassVar = OPS
    taken: ClassVar = ("torch", "nn", "F", "load_file", "Path", "WEIGHTS", "load")
    elementwise = _ELEMENTWISE
    channels_first = True
    training_flag = "self.training"

    def cast(self, code: Code, dtype: str) -> Code:
        """`x.float()`, `x.long()`, or `x.to(torch.int32)`."""
        short = {"float32": "float", "int64": "long", "bool": "bool"}.get(dtype)
        text = f"{code:a}.{short}()" if short else f"{code:a}.to(torch.{dtype})"
        return Code(text, names=code.names)

    def array(self, array: np.ndarray, dtype: str) -> Code:
        """A constant beside the tensors; on the CPU."""
        return call("torch.tensor", array.tolist(), dtype=Code(f"torch.{dtype}"))

    def length(self, value: Value, axis: int) -> Code:
        """An int."""
        axis = axis if not value.first else {0: 0, len(value.shape) - 1: 1}.get(axis, axis + 1)
        return Code(f"{value:a}.shape[{axis}]", names=value.code.names)

    def copied(self, code: Code) -> Code:
        """A clone."""
        return Code(f"{code:a}.clone()", names=code.names)

    def updated(self, name: str, value: Code, author: Author) -> list[Line]:
        """The buffer in place, without a gradient."""
        return [Line("with torch.no_grad():"), Line(f"{self.member(name)}.copy_({value})", indent=1)]

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

    def path_of(self, key: str) -> str:
        """As in a state_dict."""
        return super().path_of(key).replace("/", ".")

    def joined(self, path: str, name: str) -> str:
        """As in a state_dict."""
        return f"{path}.{name}" if path else name

    def nest(self, written: Any) -> str:
        """A ModuleList or ModuleDict."""
        if isinstance(written, dict):
            pairs = ", ".join(f'"{key}": {self.nest(item)}' for key, item in written.items() if item is not None)
            return f"nn.ModuleDict({{{pairs}}})"
        if isinstance(written, (list, tuple)):
            parts = [self.nest(item) for item in written if item is not None]
            if len(parts) > 2 and len(set(parts)) == 1:
                return f"nn.ModuleList({parts[0]} for _ in range({len(parts)}))"
            return f"nn.ModuleList([{', '.join(parts)}])"
        return str(written)

    def weight(self, spec: WeightSpec, author: Author) -> Line:
        """A parameter, or a buffer for a state."""
        name = self.member(spec.name)
        start = _initial(spec)
        if not spec.trainable:
            return Line(f'self.register_buffer("{spec.name}", {start})')
        return Line(f"{name} = nn.Parameter({start})")

    def training(self, loop: Loop) -> str:
        """A loop over batches."""
        return train_file(loop)

    def class_lines(self, cls: Class, author: Author) -> list[str]:
        """An nn.Module."""
        lines = [f"class {cls.name}(nn.Module):", *indented(cls.docstring)]
        if cls.init:
            lines += ["", "    def __init__(self):", "        super().__init__()", *written(cls.init, 2)]
        if not cls.is_called:
            return lines
        lines += ["", f"    def forward({', '.join(['self', *cls.parameters])}):", *written(cls.lines, 2)]
        return lines

    def file(self, author: Author, name: str, loads: bool = False, model: bool = True) -> str:
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
        docstring = f'"""{name} in PyTorch. Data comes with its channels last, as in Keras and TensorFlow."""'
        return "\n".join([docstring, "", *head]) + f"\n\n\n{text}\n"


LOAD = '''WEIGHTS = Path(__file__).with_name("weights.safetensors")


def load(path=WEIGHTS):
    """The model with its weights, in evaluation mode."""
    model = {model}()
    model.load_state_dict(load_file(path))
    return model.eval()'''


def _uses(text: str, word: str) -> bool:
    return any(f"{before}{word}." in text for before in " ([{=-~*\n,")


def _initial(spec: WeightSpec) -> str:
    size = ", ".join(map(str, spec.shape)) if spec.shape else "()"
    dtype = "" if spec.dtype == "float32" else f", dtype=torch.{spec.dtype}"
    if isinstance(spec.initializer, Ones):
        return f"torch.ones({size}{dtype})"
    if isinstance(spec.initializer, Zeros) or dtype:
        return f"torch.zeros({size}{dtype})"
    if isinstance(spec.initializer, Constant):
        shape = f"({size}{',' if len(spec.shape) == 1 else ''})" if spec.shape else "()"
        return f"torch.full({shape}, {float(spec.initializer.value)!r})"
    if len(spec.shape) > 1:
        return f"nn.init.xavier_uniform_(torch.empty({size}))"
    return f"torch.randn({size}) * 0.05"

"""A model as a program of torch.export, and that program in ONNX, for inference."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import count
from pathlib import Path
from typing import IO, Any

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.torch.module import in_mode
from unidl.backends.torch.tensor import dtype_of
from unidl.codegen.identifiers import KEYWORDS, unreserved
from unidl.description.plan import LayerPlan
from unidl.errors import ExportError
from unidl.graph.node import leaves, map_nest
from unidl.graph.tensor import SymbolicTensor
from unidl.models.output_names import output_names

# Lengths of the example's free axes; torch.export takes 0 and 1 for constants, and other axes must fit windows
BATCH, LENGTH = 3, 16
DYNAMIC = torch.export.Dim.DYNAMIC

# torch.onnx writes log(sigmoid(x)), of which onnxruntime makes -inf from -18 downwards
STABLE = {torch.ops.aten.log_sigmoid.default: lambda x: -functional.softplus(-x)}


def write_pt2(plan: LayerPlan, native: nn.Module, names: list[str], path: Path) -> None:
    """A .pt2 file: torch.export.load(path).module() is called as the model is."""
    program = exported(plan, native)
    with warnings.catch_warnings(), open(path, "wb") as stream:
        warnings.simplefilter("ignore")  # of weights that are a view of another's storage, which it writes as they are
        unfailing = Unfailing(stream)
        torch.export.save(program, unfailing)
        unfailing.close()


class Unfailing(io.BufferedIOBase):
    """A stream whose first error is raised when it is closed: a torch writer that fails on the way ends the process.

    Its destructor in C++ writes the end of the zip once more, and an error there is nobody's to catch.

    Args:
        stream: What is written to.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.error: OSError | None = None

    def writable(self) -> bool:
        """Yes."""
        return True

    def write(self, content: Any) -> int:
        """Write, unless that failed before."""
        if self.error is None:
            try:
                self.stream.write(content)
            except OSError as error:
                self.error = error
        return len(content)

    def seekable(self) -> bool:
        """Yes: torch goes to the beginning when it has written all."""
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """As the stream's."""
        return self.stream.seek(offset, whence) if self.error is None else offset

    def flush(self) -> None:
        """Nothing: whoever closes the stream flushes it."""

    def close(self) -> None:
        """Raise what `write` could not.

        Raises:
            OSError: There was no room.
        """
        super().close()
        if self.error is not None:
            raise self.error


def write_onnx(plan: LayerPlan, native: nn.Module, names: list[str], path: Path) -> None:
    """An .onnx file: inputs and outputs have the model's names, and the free batch axis is called "batch".

    Raises:
        ExportError: A layer cannot be traced, or ONNX has no operator for it.
    """
    program = exported(plan, native)
    batch = torch.export.Dim("batch")  # its name in the file
    shapes = tuple(_free(leaf, batch) for leaf in leaves((plan.calls[0].args, plan.calls[0].kwargs)))
    with warnings.catch_warnings(), _quiet("torch.onnx", "onnxscript", "onnx_ir"):
        warnings.simplefilter("ignore")  # of what torch finds in its own code
        try:
            written = torch.onnx.export(
                program.run_decompositions(STABLE),
                input_names=names,
                output_names=output_names(plan, names),
                dynamic_shapes=shapes,
                dynamo=True,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            lines = [line for line in str(error).splitlines() if line.strip()]
            raise ExportError(
                f"{plan.title} cannot be written in ONNX.",
                received=f"{type(error).__name__}: {lines[0] if lines else ''}"[:500],
                fix='Write the layer with other operations, or export to "pt2".',
            ) from error
        _make_way(written.model.graph)
        written.save(path)


def _make_way(graph: Any) -> None:
    """Other names for what in a graph is called as an input or output: a weight of such a name would stand in for the input."""
    outside = {id(value) for value in (*graph.inputs, *graph.outputs)}
    names = {value.name for value in (*graph.inputs, *graph.outputs)}
    inside = [*graph.initializers.values(), *(value for node in graph.all_nodes() for value in node.outputs)]
    used = names | {value.name for value in inside}
    for value in inside:
        if value.name in names and id(value) not in outside:
            value.name = next(name for n in count(2) if (name := f"{value.name}_{n}") not in used)
            used.add(value.name)


def exported(plan: LayerPlan, native: nn.Module) -> torch.export.ExportedProgram:
    """The program of a model; each axis that is None in its plan is free.

    Raises:
        ExportError: A layer cannot be traced so.
    """
    for part in plan.walk():
        if part.dynamic:
            raise ExportError(
                f"{part.title} cannot be exported by torch: its forward branches on a tensor in Python, and one graph cannot "
                "hold both ways.",
                fix="Write the branch with ops.cond, ops.while_loop or ops.scan.",
            )
    call = plan.calls[0]
    args, kwargs = map_nest(_example, (call.args, call.kwargs))
    several = sum(isinstance(leaf, SymbolicTensor) for leaf in leaves((call.args, call.kwargs))) > 1
    # a name makes the batch axes equal, which torch has to know; for one input it would only be stricter than DYNAMIC
    free = map_nest(partial(_free, batch=torch.export.Dim("batch") if several else DYNAMIC), (call.args, call.kwargs))
    shapes = (*free[0], *free[1].values())
    with in_mode(native, False), torch.inference_mode(), _innermost(native) as where, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what torch finds in its own code; what it cannot export it raises
        try:
            return _readable(torch.export.export(native, args, kwargs, dynamic_shapes=shapes, strict=False))
        except RuntimeError as error:  # torch's own errors of export, of shapes and of values derive from it
            raise _refused(plan, where(), error) from error


def _readable(program: torch.export.ExportedProgram) -> torch.export.ExportedProgram:
    """The program with an underscore behind parts of its weights' names that are keywords: torch writes them into code as they are."""

    def name(path: str) -> str:
        return ".".join(unreserved(part, KEYWORDS) for part in path.split("."))

    signature = program.graph_signature
    for spec in (*signature.input_specs, *signature.output_specs):
        if spec.target is not None and spec.target in (*program.state_dict, *program.constants):
            spec.target = name(spec.target)
    for held in (program.state_dict, program.constants):
        for path in [path for path in held if name(path) != path]:
            held[name(path)] = held.pop(path)
    for entry in program.module_call_graph:
        entry.fqn = name(entry.fqn)
    return program


def _example(leaf: Any) -> Any:
    if not isinstance(leaf, SymbolicTensor):
        return leaf
    shape = [n if n is not None else LENGTH if axis else BATCH for axis, n in enumerate(leaf.shape)]
    return torch.zeros(shape, dtype=dtype_of(leaf.dtype))


def _free(leaf: Any, batch: Any) -> Any:
    """Axis -> a length of its own, for those that are free; `batch` for the first."""
    if not isinstance(leaf, SymbolicTensor):
        return None
    return {axis: DYNAMIC if axis else batch for axis, n in enumerate(leaf.shape) if n is None}


@contextmanager
def _innermost(native: nn.Module) -> Iterator[Callable[[], str]]:
    """Inside, watch which module is running; what is given tells the one that failed, or that made a free axis a constant."""
    # torch.export shows a module that is held twice as a copy: a hook knows its module's name, not its identity
    names = dict(native.named_modules())
    running: list[str] = []
    watched: list[Any] = []
    fixed: list[str] = []

    def enter(name: str, module: nn.Module, args: Any, kwargs: Any) -> None:
        running.append(name)
        if not name:
            tensors = [leaf for leaf in leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
            watched.extend(n for tensor in tensors for n in tensor.shape if isinstance(n, torch.SymInt))

    def leave(name: str, module: nn.Module, args: Any, kwargs: Any, result: Any) -> None:
        if not fixed and any(n.node.maybe_as_int() is not None for n in watched):
            fixed.append(name)
        running.pop()

    hooks = [m.register_forward_pre_hook(partial(enter, name), with_kwargs=True) for name, m in names.items()]
    hooks += [m.register_forward_hook(partial(leave, name), with_kwargs=True) for name, m in names.items()]
    try:
        yield lambda: (fixed or running or [""])[-1]
    finally:
        for hook in hooks:
            hook.remove()


def _refused(plan: LayerPlan, name: str, error: RuntimeError) -> ExportError:
    path = name.replace(".", "/")
    part = max((p for p in plan.walk() if path == p.path or path.startswith(f"{p.path}/") or not p.path), key=_depth)
    lines = [line for line in str(error).splitlines() if line.strip()]
    return ExportError(
        f"{part.title} cannot be exported by torch with axes of any length.",
        received=f"{type(error).__name__}: {lines[0] if lines else ''}",
        fix="Build the model with fixed lengths for all axes but the batch's, or write the layer without what depends on them.",
    )


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """Inside, these loggers tell errors only: torch.onnx warns of packages that nobody needs here."""
    loggers = [logging.getLogger(name) for name in names]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _depth(plan: LayerPlan) -> int:
    return len(plan.path)


WRITERS: dict[str, Callable[[LayerPlan, nn.Module, list[str], Path], None]] = {"pt2": write_pt2, "onnx": write_onnx}
"""Format -> its writer."""

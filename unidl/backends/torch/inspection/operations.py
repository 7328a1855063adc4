"""The aten operations that torch really ran, one by one, each with its layer, its lane and what it reads."""

from __future__ import annotations

import contextlib
import math
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import unidl
from unidl.backends.lowering import Lowering
from unidl.backends.torch.fast_path import Function
from unidl.backends.torch.module import Adapter
from unidl.errors import DtypeError
from unidl.graph.spec import TensorSpec
from unidl.inspection.graph import Edge, Graph, Node
from unidl.inspection.lane import Lane

STATE = "optimizer state"
ALIASES = ("detach", "lift_fresh")  # the same tensor under another name, as autograd keeps it: no node, but counted
_INSIGHT = os.path.join(os.path.dirname(str(unidl.__file__)), "insight") + os.sep
_FRAMEWORKS = (*(os.path.dirname(str(module.__file__)) + os.sep for module in (torch, unidl)), contextlib.__file__)


def spec_of(tensor: torch.Tensor) -> TensorSpec | None:
    """Shape and dtype; None for a dtype that unidl has no name for."""
    try:
        return TensorSpec(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch."))
    except DtypeError:
        return None


class Layers:
    """Which layer of a model runs now, and whose a parameter is. Only a copy is watched: its modules get hooks.

    Args:
        native: The copy's module.
    """

    def __init__(self, native: Adapter) -> None:
        self.native = native
        self.stack: list[str] = []
        self.lane: Lane | None = None
        self.around = ""  # the lane in which the model was called
        self.of_sequence: dict[int, str] = {}  # number of a node of the autograd graph -> the layer that made it
        self.names: dict[int, tuple[str, str]] = {}  # a storage -> (name in torch, layer) of the tensor that lies there
        self.weights = {id(t) for t in (*native.parameters(), *native.buffers())}
        self.parameters = {name for name, _ in native.named_parameters()}
        owner = {id(tensor): path for module, path in self.modules() for tensor in _own(module)}
        for name, tensor in (*native.named_parameters(), *native.named_buffers()):
            self.names[storage(tensor)] = (name, owner.get(id(tensor), ""))

    def modules(self) -> Iterator[tuple[nn.Module, str]]:
        """Each module that runs a layer, with the layer's path."""
        for module in self.native.modules():
            if isinstance(module, Adapter):
                yield module, module.plan.path
                for bound in module.bound_children.values():
                    binding = bound.__dict__["_binding"]
                    if not isinstance(binding.module, Adapter):
                        yield binding.module, binding.plan.path

    @contextmanager
    def watched(self, lane: Lane | None = None) -> Iterator[None]:
        """Inside, `stack` says which layers are being called; a lane that is given is "forward" where one is."""
        self.lane = lane
        with ExitStack() as undo:
            for module in self.native.modules():
                if isinstance(module, Adapter):
                    self._watch_adapter(module, undo)
                    for bound in module.bound_children.values():
                        self._watch_own(bound.__dict__["_binding"], undo)
            yield

    def _watch_adapter(self, module: Adapter, undo: ExitStack) -> None:
        def before(*_: Any) -> None:
            if self.lane is not None and not self.stack:
                self.around = self.lane.now
                self.lane.enter(self.lane.within_model())
            self.stack.append(module.plan.path)

        def after(*_: Any) -> None:
            self.stack.pop()
            if self.lane is not None and not self.stack:
                self.lane.enter(self.around)

        undo.callback(module.register_forward_pre_hook(before).remove)
        undo.callback(module.register_forward_hook(after, always_call=True).remove)

    def _watch_own(self, binding: Any, undo: ExitStack) -> None:
        """torch's own module, with what its lowering does around it."""
        lowering: Lowering | None = binding.lowering
        function: Function | None = binding.function
        if lowering is None or isinstance(binding.module, Adapter):
            return

        def watched(compute: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                self.stack.append(binding.plan.path)
                try:
                    return compute(*args, **kwargs)
                finally:
                    self.stack.pop()

            return call

        binding.lowering = replace(lowering, call=watched(lowering.call))
        undo.callback(setattr, binding, "lowering", lowering)
        if function is not None:  # what computes where nobody looks on is what is to be seen
            binding.function = replace(function, compute=watched(function.compute))
            undo.callback(setattr, binding, "function", function)

    def now(self) -> str:
        """The layer that runs now; in the backward pass the layer whose operation is being differentiated."""
        node = torch._C._current_autograd_node()
        if node is not None:
            return self.of_sequence.get(node._sequence_nr(), "")
        return self.stack[-1] if self.stack else ""

    def note(self) -> None:
        """Remember whose the newest node of the autograd graph is, while a forward runs."""
        if self.stack and torch._C._current_autograd_node() is None:
            self.of_sequence.setdefault(torch.autograd._get_sequence_nr() - 1, self.stack[-1])


def _own(module: nn.Module) -> list[torch.Tensor]:
    deep = not isinstance(module, Adapter)
    return [*module.parameters(recurse=deep), *module.buffers(recurse=deep)]


def storage(tensor: torch.Tensor) -> int:
    """Where a tensor lies; views and what autograd keeps of it lie there too."""
    return int(tensor.untyped_storage()._cdata)


class Recorder(TorchDispatchMode):
    """Writes down every operation that torch runs inside, below autograd.

    Args:
        layers: Says which layer runs.
        lane: Says which lane.
    """

    def __init__(self, layers: Layers, lane: Lane) -> None:
        super().__init__()
        self.layers = layers
        self.lane = lane
        self.nodes: dict[str, Node] = {}
        self.edges: dict[tuple[str, str], Edge] = {}
        self.kernels = 0  # operations that compute
        self.views = 0  # those that look at what is there in another way
        self.aliases = 0
        self.written: dict[int, tuple[int, str]] = {}  # storage -> when it was last written, and by which node
        self.made: dict[Any, tuple[int, str]] = {}  # a tensor, by its id and by its place -> when and by which node
        self.kept: list[torch.Tensor] = []  # so that no id is used again
        self.numbers: dict[str, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        read = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, torch.Tensor)]
        inside = bool(self.layers.stack)
        self.layers.note()
        lane = self.lane.within_model() if inside else self.lane.now
        name = func.name().partition("::")[2].partition(".")[0]
        if name in ALIASES:
            return self._alias(func(*args, **kwargs), read[0], lane)
        node = self._id(name)
        for tensor in read:
            self._edge(self._source(tensor, lane), node, tensor)
        outputs = func(*args, **kwargs)
        made = [leaf for leaf in tree_leaves(outputs) if isinstance(leaf, torch.Tensor)]
        view = any(r.alias_info is not None and not r.alias_info.is_write for r in func._schema.returns)
        self.views, self.kernels = self.views + view, self.kernels + (not view)
        details = {"overload": str(func), "view": view, **_constants(func, args, kwargs)}
        if lane in ("forward", "loss"):
            details |= _code()
        specs = tuple(spec for spec in map(spec_of, made) if spec is not None)
        self.nodes[node] = Node(node, f"aten.{name}", name, self.layers.now(), lane, "", specs, details)
        self._wrote(func, args, kwargs, made, node, view)
        return outputs

    def _alias(self, made: torch.Tensor, of: torch.Tensor, lane: str) -> torch.Tensor:
        """The same tensor once more: what reads it reads where it comes from."""
        self.aliases += 1
        if id(of) not in self.layers.weights:
            self.kept.append(made)
            self.made[id(made)] = (len(self.nodes), self._source(of, lane))
        return made

    def _id(self, name: str) -> str:
        number = self.numbers[name] = self.numbers.get(name, 0) + 1
        return name if number == 1 else f"{name}#{number}"

    def _edge(self, source: str, target: str, tensor: torch.Tensor, kind: str = "data") -> None:
        if source in self.nodes and self.nodes[source].lane == "backward":
            kind = "gradient"
        elif source in self.nodes and self.nodes[source].op in ("torch.nn.Parameter", "torch buffer", STATE):
            kind = "state"
        self.edges.setdefault((source, target), Edge(source, target, spec_of(tensor), kind))

    def _source(self, tensor: torch.Tensor, lane: str) -> str:
        """The node that a tensor comes from."""
        place = storage(tensor)
        if id(tensor) in self.layers.weights:  # a view of a view may lie where it lies
            return self._outside(tensor, place, lane)
        written = self.written.get(place)
        made = self.made.get(id(tensor)) or self.made.get(_place(tensor))
        if made is not None and (written is None or made[0] >= written[0]):
            return made[1]
        if written is not None:
            return written[1]
        return self._outside(tensor, place, lane)

    def _outside(self, tensor: torch.Tensor, place: int, lane: str) -> str:
        """A node for what no operation made: a weight, an optimizer's state, an input."""
        known = self.layers.names.get(place)
        if known is not None:
            name, layer = known
            op = "torch.nn.Parameter" if name in self.layers.parameters else "torch buffer"
        elif lane == "update":
            name, layer, op = STATE, "", STATE
        else:
            name, layer, op = self._id("input"), "", "input"
            self.made[id(tensor)] = self.made[_place(tensor)] = (-1, name)
            self.kept.append(tensor)
        spec = spec_of(tensor)
        self.nodes.setdefault(name, Node(name, op, name, layer, outputs=() if spec is None else (spec,)))
        return name

    def _wrote(self, func: Any, args: Any, kwargs: Any, made: list[torch.Tensor], node: str, view: bool) -> None:
        order = len(self.nodes)
        for tensor in _written(func, args, kwargs):
            self.written[storage(tensor)] = (order, node)
            self._changed(tensor, node)
        for tensor in made:
            self.kept.append(tensor)
            self.made[id(tensor)] = self.made[_place(tensor)] = (order, node)
            if not view:
                self.written[storage(tensor)] = (order, node)

    def _changed(self, tensor: torch.Tensor, node: str) -> None:
        """An operation wrote into a weight."""
        known = self.layers.names.get(storage(tensor))
        if known is not None:
            self._outside(tensor, storage(tensor), "")
            self.edges.setdefault((node, known[0]), Edge(node, known[0], spec_of(tensor), "state"))

    def graph(self, name: str, title: str, note: str = "") -> Graph:
        """What was written down."""
        return Graph(name, title, tuple(self.nodes.values()), tuple(self.edges.values()), note)

    @property
    def operations(self) -> int:
        """How many there were."""
        return sum(node.op.startswith("aten.") for node in self.nodes.values())


def _place(tensor: torch.Tensor) -> tuple[Any, ...]:
    return storage(tensor), tensor.storage_offset(), tuple(tensor.shape), tensor.stride()


def _written(func: Any, args: Any, kwargs: Any) -> list[torch.Tensor]:
    """The tensors that an operation changes in place."""
    given = [*zip(func._schema.arguments, args, strict=False), *_named(func, kwargs)]
    changed = [value for a, value in given if a.alias_info is not None and a.alias_info.is_write]
    values = {a.name: value for a, value in given}
    if values.get("training") is True:  # batch normalisation does not declare it
        changed += [values.get("running_mean"), values.get("running_var")]
    return [leaf for leaf in tree_leaves(changed) if isinstance(leaf, torch.Tensor)]


def _named(func: Any, kwargs: Mapping[str, Any]) -> list[tuple[Any, Any]]:
    return [(a, kwargs[a.name]) for a in func._schema.arguments if a.name in kwargs]


def _constants(func: Any, args: Any, kwargs: Any) -> dict[str, Any]:
    """Arguments that are no tensors, as JSON."""
    given = [*zip(func._schema.arguments, args, strict=False), *_named(func, kwargs)]
    plain = {a.name: _json(value) for a, value in given if _is_plain(value)}
    return {"arguments": plain} if plain else {}


def _is_plain(value: Any) -> bool:
    leaves = tree_leaves(value)
    return bool(leaves) and all(isinstance(leaf, (bool, int, float, str, torch.dtype)) for leaf in leaves)


def _json(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return [_json(item) for item in value]
    infinite = isinstance(value, float) and not math.isfinite(value)  # JSON has no such numbers
    return str(value) if infinite or isinstance(value, torch.dtype) else value


def _code() -> dict[str, str]:
    """The innermost line of the program that is neither torch's nor unidl's."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        file = frame.f_code.co_filename
        if file.startswith(_INSIGHT):
            return {}  # from here on it is who inspects
        if not file.startswith((*_FRAMEWORKS, "<")):
            return {"code": f"{os.path.basename(file)}:{frame.f_lineno}"}
        frame = frame.f_back
    return {}

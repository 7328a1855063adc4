"""A model drawn as a graph: inputs, outputs, and the calls between them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from unidl.arguments import shown
from unidl.capture import told_arguments
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, NotPortableError
from unidl.graph.node import LayerCall, Node, OpCall, Placeholder, ancestors, leaves, map_nest, symbols
from unidl.graph.tensor import SymbolicTensor
from unidl.models.model import Model
from unidl.names import check_identifier, check_keys


@dataclass(frozen=True)
class Ref:
    """Stands for the value with that number while a graph is replayed."""

    number: int


@dataclass(eq=False)
class Step:
    """One call of a graph, its tensors replaced by numbers.

    Args:
        op: The op to call, or None.
        key: The sublayer to call, or None.
        args: Positional arguments with Refs.
        kwargs: Keyword arguments with Refs.
        outputs: The nest of Refs that it makes.
    """

    op: Any
    key: str | None
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    outputs: Any


class Functional(Model):
    """What `unidl.Model(inputs, outputs)` makes.

    Args:
        inputs: A symbolic tensor from `unidl.Input`, or a list or dict of them.
        outputs: What was computed from them, or a list or dict of it.
    """

    def __init__(self, inputs: Any, outputs: Any) -> None:
        check_keys("An input of a model", inputs)
        check_keys("An output of a model", outputs)
        self._inputs = inputs
        nodes = _graph(inputs, outputs)
        self._named = _names([node.layer for node in nodes if isinstance(node, LayerCall)])
        keys = {id(layer): key for key, layer in self._named.items()}
        numbers: dict[int, int] = {}

        def number(tensor: Any) -> Any:
            return Ref(numbers.setdefault(id(tensor), len(numbers))) if isinstance(tensor, SymbolicTensor) else tensor

        self._input_refs = map_nest(number, inputs)
        self._steps = [
            Step(
                node.op if isinstance(node, OpCall) else None,
                keys[id(node.layer)] if isinstance(node, LayerCall) else None,
                map_nest(number, node.args),
                map_nest(number, node.kwargs),
                map_nest(number, node.outputs),
            )
            for node in nodes
        ]
        self._output_refs = map_nest(number, outputs)

    def sublayers(self) -> dict[str, Layer]:
        """The layers of the graph, by explicit name, else by class and position."""
        return dict(self._named)

    def exchange_sublayer(self, key: str, layer: Layer) -> Layer:
        """Put a layer under a name and return the one that was there."""
        old, self._named = exchanged(self._named, key, layer)
        return old

    def describe_arguments(self, encode: Callable[[Any, str], Any]) -> dict[str, Any]:
        """The graph as data, for a file: its inputs, layers and steps."""
        return {
            "inputs": encode(self._inputs, "the inputs"),
            "input_refs": _written(self._input_refs, encode),
            "layers": [[key, encode(layer, f"the layer {key!r}")] for key, layer in self._named.items()],
            "steps": [
                {
                    "op": None if step.op is None else encode(step.op, "a step"),
                    "layer": step.key,
                    "args": _written(step.args, encode),
                    "kwargs": _written(step.kwargs, encode),
                    "outputs": _written(step.outputs, encode),
                }
                for step in self._steps
            ],
            "outputs": _written(self._output_refs, encode),
        }

    @classmethod
    def from_arguments(cls, arguments: dict[str, Any], decode: Callable[[Any], Any]) -> Functional:
        """The model again: the graph is drawn anew, step by step."""
        inputs = decode(arguments["inputs"])
        layers = {key: decode(layer) for key, layer in arguments["layers"]}
        for key in layers:
            check_identifier("A layer of a model", key, cls.RESERVED)
        values: dict[int, Any] = {}
        _assign(_read(arguments["input_refs"], decode), inputs, values)
        for step in arguments["steps"]:
            args, kwargs = (_resolve(_read(step[part], decode), values) for part in ("args", "kwargs"))
            target = decode(step["op"]) if step["layer"] is None else layers[step["layer"]]
            if not any(True for _ in symbols((args, kwargs))):  # it would compute at once, whatever its size
                raise ArgumentError("A step of the graph reads no tensor.", received=repr(step)[:200])
            _assign(_read(step["outputs"], decode), target(*args, **kwargs), values)
        made = functional(inputs, _resolve(_read(arguments["outputs"], decode), values))
        if [id(layer) for layer in made._named.values()] != [id(layer) for layer in layers.values()]:
            raise ArgumentError("The graph does not call the layers that it holds.")
        renamed = dict(zip(made._named, layers, strict=True))
        made._named = layers
        for step in made._steps:
            step.key = None if step.key is None else renamed[step.key]
        return made

    def inputs(self) -> tuple[Any, ...]:
        """The inputs that `build` takes when it is given none."""
        return (self._inputs,)

    def forward(self, inputs: Any) -> Any:
        """Replay the graph on the inputs, which have the structure that the constructor was given."""
        values: dict[int, Any] = {}
        _assign(self._input_refs, inputs, values)
        for step in self._steps:
            args = _resolve(step.args, values)
            kwargs = _resolve(step.kwargs, values)
            result = step.op(*args, **kwargs) if step.key is None else getattr(self, step.key)(*args, **kwargs)
            _assign(step.outputs, result, values)
        return _resolve(self._output_refs, values)


def _graph(inputs: Any, outputs: Any) -> list[Node]:
    """The nodes between inputs and outputs, in order; refuses inputs that are none and outputs that need others."""
    for leaf in (*leaves(inputs), *leaves(outputs)):
        if not isinstance(leaf, SymbolicTensor):
            raise ArgumentError(
                "Model(inputs, outputs) takes symbolic tensors, and nests of them.",
                expected="unidl.Input(…) and what layers and ops computed from it",
                received=shown(leaf),
            )
    starts = {id(t.unidl_node) for t in symbols(inputs)}
    for tensor in symbols(inputs):
        if not isinstance(tensor.unidl_node, Placeholder):
            raise ArgumentError(
                "Model(inputs, outputs) was given an input that something else computes.",
                expected="tensors made by unidl.Input",
                received=repr(tensor),
                fix="For a part of a model, use model.outputs_at(path) or start a new graph with unidl.Input.",
            )
    if not starts or not any(True for _ in symbols(outputs)):
        raise ArgumentError(
            "Model(inputs, outputs) needs symbolic tensors on both sides.",
            expected="unidl.Input(…) and what layers and ops computed from it",
            received=f"{type(inputs).__name__} and {type(outputs).__name__}",
        )
    nodes = []
    for node in ancestors(outputs):
        if isinstance(node, Placeholder):
            if id(node) not in starts:
                raise ArgumentError(
                    f"An output of Model(inputs, outputs) depends on the Input {node.name!r}, which is not among the inputs.",
                    expected="every Input that the outputs depend on",
                    fix="Add it to the inputs.",
                )
        else:
            nodes.append(node)
    return nodes


def _names(layers: list[Layer]) -> dict[str, Layer]:
    """Explicit name, else class and position: dense, dense_2, … Each layer once."""
    named: dict[str, Layer] = {}
    taken = {layer._unidl.name for layer in layers if layer._unidl.name}
    count: Counter[str] = Counter()
    seen: set[int] = set()
    for layer in layers:
        if id(layer) in seen:
            continue
        seen.add(id(layer))
        if layer._unidl.name is not None:
            name = layer._unidl.name
            if name in named:
                raise ArgumentError(
                    f"Two layers of one model have the name {name!r}.", expected="a name for each", fix="Rename one."
                )
        else:
            count[layer.name] += 1
            while (name := layer.name if count[layer.name] == 1 else f"{layer.name}_{count[layer.name]}") in taken:
                count[layer.name] += 1
        named[name] = layer
    return named


def _assign(refs: Any, values: Any, into: dict[int, Any]) -> None:
    if isinstance(refs, Ref):
        into[refs.number] = values
    elif isinstance(refs, (list, tuple)):
        if not isinstance(values, (list, tuple)) or len(values) != len(refs):
            raise _structure(f"a list of {len(refs)} tensors", values)
        for ref, value in zip(refs, values, strict=True):
            _assign(ref, value, into)
    elif isinstance(refs, dict):
        if not isinstance(values, dict) or set(values) != set(refs):
            raise _structure(f"a dict with the keys {sorted(map(str, refs))}", values)
        for key, ref in refs.items():
            _assign(ref, values[key], into)


def exchanged(named: dict[str, Layer], key: str, layer: Layer) -> tuple[Layer, dict[str, Layer]]:
    """The layer under a name, and the names with another one in its place. The new layer takes the name of its place."""
    if layer._unidl.name not in (None, key):
        raise ArgumentError(
            f"The place is called {key!r}, and the new layer {layer._unidl.name!r}.",
            expected="a layer without a name, or with that of its place: paths stay as they are",
        )
    layer._unidl.name = key
    return named[key], {**named, key: layer}


def _written(nest: Any, encode: Callable[[Any, str], Any]) -> Any:
    """A nest with Refs as data."""
    if isinstance(nest, Ref):
        return {"$": "ref", "number": nest.number}
    if isinstance(nest, list):
        return [_written(item, encode) for item in nest]
    if isinstance(nest, tuple):
        return {"$": "tuple", "items": [_written(item, encode) for item in nest]}
    if isinstance(nest, dict):
        return {"$": "dict", "items": [[encode(k, "a key"), _written(v, encode)] for k, v in nest.items()]}
    return encode(nest, "an argument of an op")


def _read(data: Any, decode: Callable[[Any], Any]) -> Any:
    """Data with references as a nest with Refs."""
    kind = data.get("$") if isinstance(data, dict) else None
    if kind == "ref":
        return Ref(int(data["number"]))
    if kind == "tuple":
        return tuple([_read(item, decode) for item in data["items"]])
    if kind == "dict":
        return {decode(k): _read(v, decode) for k, v in data["items"]}
    if isinstance(data, list):
        return [_read(item, decode) for item in data]
    return decode(data)


def _structure(expected: str, received: Any) -> ArgumentError:
    described = (
        f"a dict with the keys {sorted(map(str, received))}" if isinstance(received, dict) else type(received).__name__
    )
    if isinstance(received, (list, tuple)):
        described = f"a {described} of {len(received)}"
    return ArgumentError(
        "The model's inputs have another structure than it was drawn with.", expected=expected, received=described
    )


def _resolve(nest: Any, values: dict[int, Any]) -> Any:
    if isinstance(nest, Ref):
        return values[nest.number]
    if isinstance(nest, list):
        return [_resolve(item, values) for item in nest]
    if isinstance(nest, tuple):
        return tuple([_resolve(item, values) for item in nest])
    if isinstance(nest, dict):
        return {key: _resolve(item, values) for key, item in nest.items()}
    return nest


@told_arguments
def functional(inputs: Any, outputs: Any) -> Functional:
    """The functional model; refuses a tensor of a framework on either side."""
    for side in (inputs, outputs):
        if not any(True for _ in symbols(side)):
            raise NotPortableError(
                "unidl.Model(inputs, outputs) draws a graph of symbolic tensors.",
                expected="unidl.Input(…)",
                received=type(side).__name__,
            )
    return Functional(inputs, outputs)


functional.__wrapped__.__qualname__ = "Model"  # type: ignore[attr-defined]  # as people call it

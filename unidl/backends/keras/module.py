"""The adapter: the Keras layer that runs a layer's definition. Its sublayers and variables are named as the layer's attributes.

In `forward`, `self` is the user's description bound to this Keras layer. It stores no weight and no child: each is looked up
here at each access.
"""

from __future__ import annotations

import inspect
import keyword
import re
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import unidl.backends.keras as backend
from unidl import ops
from unidl.backends.keras.engine import ENGINE, keras, runs_as_python, with_control_flow
from unidl.backends.lowering import Lowering
from unidl.codegen.identifiers import reserved, unreserved
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.description.trace import Tracer
from unidl.errors import NotPortableError, UnidlError
from unidl.graph.node import leaves, map_nest, pack
from unidl.graph.spec import TensorSpec
from unidl.models import Model
from unidl.ops import op
from unidl.ops.stream import enter, leave, origin
from unidl.visible import visible_lines

if ENGINE == "tensorflow":
    # AutoGraph converts the user's code and leaves alone what bears this mark of its own: unidl's code needs no conversion
    for _own in (Layer, op.Op, *(f for space in (Layer, ops) for f in vars(space).values() if inspect.isfunction(f))):
        _own.autograph_info__ = {}  # type: ignore[attr-defined]

_SPARE = 200  # calls that Keras' constructor needs beside those that walk a graph

# what Keras uses itself, attributes set in its constructors included
_NAMES = (*dir(keras.Model(name="reserved")), "unidl")
MODULE, _RESERVED = reserved([*_NAMES, *keyword.kwlist]), reserved(_NAMES)


def attribute_name(name: str) -> str:
    """The name of a weight or child on the Keras layer; one that Keras uses itself gets an underscore behind it."""
    return unreserved(name, _RESERVED)


def layer_name(plan: LayerPlan) -> str:
    """The Keras layer's name: the structural path."""
    return named(plan.path or plan.layer.name)


def input_name(text: str) -> str:
    """An input's name in Keras, which takes any text without a slash."""
    return text.replace("/", "_")


def named(text: str) -> str:
    """A name near the text, in characters that Keras and TensorFlow take."""
    return re.sub(r"[^A-Za-z0-9_.-]", "_", text).lstrip("_") or "layer"


class _Mode(threading.local):
    """The mode of the call that this thread is in."""

    training = False


mode = _Mode()
"""Whether the adapter that is being called in this thread trains, for the definitions of Keras' own layers in it."""


@dataclass(eq=False)
class Part:
    """What unidl keeps on a native object that is no layer of Keras' own, as its attribute `unidl`.

    Args:
        plan: The layer's plan.
        device: Where it runs.
        reason: Why it is an adapter; "" for a functional model.
        bound: The description bound to it; None for a functional model, which Keras runs.
        names: Of a functional model, key -> name of the Keras layer.
        lowerings: Key -> how a child is called; None for an adapter or a functional model.
        children: Key -> bound description of a child, once it was asked for.
        nests: Attribute -> its bound children, in their lists and dicts.
        frozen: Whether it stays in inference.
        draws: Whether portable random numbers are drawn, itself or below, in inference and in training.
        random_state: (seed, step), (2,), in a portable model.
        predicted: The graph that `predict` runs, once it was asked for.
        tracing: Held while that graph is made.
    """

    plan: LayerPlan
    device: str
    reason: str = ""
    bound: Layer | None = None
    names: Mapping[str, str] = field(default_factory=dict)
    lowerings: Mapping[str, Lowering | None] = field(default_factory=dict)
    children: dict[str, Layer] = field(default_factory=dict)
    nests: dict[str, Any] = field(default_factory=dict)
    frozen: bool = False
    draws: tuple[bool, bool] = (False, False)
    random_state: Any = None
    predicted: Any = None
    tracing: threading.RLock = field(default_factory=threading.RLock)
    _mode: _Mode = field(default_factory=_Mode)

    @property
    def training(self) -> bool:
        """The mode of the call in progress, in this thread."""
        return self._mode.training

    @training.setter
    def training(self, training: bool) -> None:
        self._mode.training = training

    def __post_init__(self) -> None:
        if self.plan.random == "portable":
            self.draws = self.plan.counts_draws(False), self.plan.counts_draws(True)
            self.random_state = keras.Variable(
                [0, 0], dtype="int64", trainable=False, autocast=False, name="random_state"
            )

    def next_random_state(self) -> Any:
        """Take it to its next step; the state there."""
        self.random_state.assign_add(keras.ops.convert_to_tensor([0, 1], "int64"))
        return keras.ops.convert_to_tensor(self.random_state)

    def begin(self, training: bool) -> Any:
        """For `unidl.ops.stream.enter`: what takes it to its next step, None if it draws nothing in that mode."""
        return self.next_random_state if self.draws[training] else None


# -- the adapter -------------------------------------------------------------------------------------------------------------


class Adapter(keras.layers.Layer):  # type: ignore[misc]  # Keras has no types
    """Runs one layer by its definition. Subclasses, one for each layer class, have the signature of the user's forward."""

    unidl: Part

    supports_masking = True  # a forward's parameter `mask` is an input like others, and Keras is not to warn of it

    def compute_mask(self, *_: Any, **__: Any) -> None:
        """None: masks are ordinary tensors here, and Keras hands none on."""

    def compute_output_spec(self, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        """KerasTensors of the shapes that unidl's own rules give."""
        outputs = traced_outputs(self.unidl.plan, map_nest(spec_of, args), map_nest(spec_of, kwargs))
        return map_nest(lambda t: t if t is None else keras.KerasTensor(t.shape, t.dtype), outputs)

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        """Refused: the description is not in Keras' configuration."""
        raise NotPortableError(
            f"Keras cannot make {cls.__name__!r} from its configuration: what it computes stands in the unidl description.",
            fix="model.copy() copies the model; native.load_weights(file) fills one that was built from the same description.",
        )


class ModelAdapter(Adapter, keras.Model):  # type: ignore[misc]
    """Likewise for a model whose forward is no graph."""


_classes: dict[tuple[type, type], type[Adapter]] = {}


def adapter_class(layer_class: type[Layer]) -> type[Adapter]:
    """The adapter's class for a layer class, with its name and the signature of its forward."""
    base = ModelAdapter if issubclass(layer_class, Model) else Adapter
    key = (layer_class, base)
    if key not in _classes:
        contents = {
            "call": _call_like(layer_class),
            "__doc__": visible_lines(layer_class.__doc__ or ""),
            "__module__": __name__,
        }
        _classes.setdefault(key, type(layer_class.__name__, (base,), contents))
    return _classes[key]


def _call_like(layer_class: type[Layer]) -> Callable[..., Any]:
    """A `call` with the parameters of the user's forward and `training`: Keras reads their names."""

    def call(self: Any, *args: Any, training: bool | None = None, **kwargs: Any) -> Any:
        return _run(self, bool(training), args, kwargs)

    signature = inspect.signature(layer_class.forward)
    parameters = list(signature.parameters.values())
    flag = inspect.Parameter("training", inspect.Parameter.KEYWORD_ONLY, default=None)
    place = next((i for i, p in enumerate(parameters) if p.kind is p.VAR_KEYWORD), len(parameters))
    call.__signature__ = signature.replace(parameters=[*parameters[:place], flag, *parameters[place:]])  # type: ignore[attr-defined]
    return call


def _run(adapter: Adapter, training: bool, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    part = adapter.unidl
    bound: Any = part.bound
    before, part.training = part.training, training and not part.frozen
    around, mode.training = mode.training, part.training
    place = enter(origin(part.plan.path), part.begin(part.training)) if any(part.draws) else None
    try:
        forward = bound.forward
        if part.plan.dynamic and not runs_as_python():
            forward = with_control_flow(part.plan, bound)
        if op._running.get() is backend:
            return forward(*args, **kwargs)
        with op.running(backend):  # the user called the native layer: ops without a tensor are Keras' here
            return forward(*args, **kwargs)
    except UnidlError as error:
        error._keras_call_info_injected = True  # type: ignore[attr-defined]  # else Keras makes another error of it, in its words
        raise
    finally:
        part.training, mode.training = before, around
        if place is not None:
            leave(place)


# -- calling -----------------------------------------------------------------------------------------------------------------


def call_native(native: Any, args: tuple[Any, ...], kwargs: dict[str, Any], **mode: Any) -> Any:
    """Call an adapter or a functional model with the arguments of the user's forward."""
    plan: LayerPlan = native.unidl.plan
    if isinstance(native, Adapter):
        args, named = _tensors_first(_signature(type(plan.layer)), args)
        return native(*args, **named, **kwargs, **mode)
    given = _signature(type(plan.layer)).bind(None, *args, **kwargs).args[1:] if kwargs else args
    result = native(given[0] if len(given) == 1 else list(given), **mode)
    outputs = plan.calls[-1].outputs
    # Keras takes a single output out of its list
    if isinstance(outputs, (list, tuple)) and len(outputs) == 1:
        return pack(outputs, [result])
    return result if hasattr(result, "shape") else _as_written(result, outputs)


def _as_written(result: Any, outputs: Any) -> Any:
    """The keys of dicts in the order of the description: Keras on torch sorts them."""
    if isinstance(outputs, dict):
        return {key: _as_written(result[key], part) for key, part in outputs.items()}
    if isinstance(outputs, (list, tuple)):
        return type(result)(_as_written(one, part) for one, part in zip(result, outputs, strict=True))
    return result


@cache
def _signature(layer_class: type[Layer]) -> inspect.Signature:
    """Of the user's forward."""
    return inspect.signature(layer_class.forward)


def _tensors_first(signature: inspect.Signature, args: tuple[Any, ...]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Positional arguments up to the first plain value, and the rest by name: Keras takes only tensors by position."""
    names = [p.name for p in list(signature.parameters.values())[1:] if p.kind is p.POSITIONAL_OR_KEYWORD]
    for place, value in enumerate(args):
        if len(args) <= len(names) and not all(leaf is None or hasattr(leaf, "shape") for leaf in leaves(value)):
            return args[:place], dict(zip(names[place:], args[place:], strict=False))
    return args, {}


def traced_outputs(plan: LayerPlan, args: Any, kwargs: Any) -> Any:
    """The symbolic outputs of a layer for inputs of these specs: as traced before, else by tracing it now."""
    if not plan.is_dynamic:
        for call in plan.calls:
            if map_nest(spec_of, (call.args, call.kwargs)) == (args, kwargs):
                return call.outputs
    tracer = Tracer(plan.dtype, around=lambda: _calls_of(plan))
    return tracer.trace(plan.layer, args, kwargs, training=False).calls[-1].outputs


def _calls_of(plan: LayerPlan) -> dict[int, tuple[Any, Any]]:
    """A call of each layer below: of one that is shared, the calls stand elsewhere, and here its weights are read."""
    return {id(part.layer): (part.calls[-1].args, part.calls[-1].kwargs) for part in plan.walk() if part.calls}


def spec_of(leaf: Any) -> Any:
    """Shape and dtype of a tensor; a plain value unchanged."""
    if not hasattr(leaf, "shape"):
        return leaf
    return TensorSpec(tuple(leaf.shape), keras.backend.standardize_dtype(leaf.dtype))


def nodes_of(outputs: Any) -> list[Any]:
    """The nodes of Keras' graph behind the tensors: each call of a layer or operation, once."""
    found: dict[int, Any] = {}
    waiting = [leaf for leaf in leaves(outputs) if isinstance(leaf, keras.KerasTensor)]
    while waiting:
        operation, index, _ = waiting.pop()._keras_history
        node = operation._inbound_nodes[index]
        if id(node) not in found:
            found[id(node)] = node
            waiting.extend(node.input_tensors)
    return list(found.values())


def functional(inputs: Any, outputs: Any, name: str) -> Any:
    """A functional model; a dict's keys may be texts that no tensor of Keras can be called, of which Keras warns."""
    with _recursion(len(nodes_of(outputs))), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "When providing `inputs` as a dict", UserWarning)
        return keras.Model(inputs, outputs, name=name)


_deepening = threading.Lock()  # the limit is the process'


@contextmanager
def _recursion(calls: int) -> Iterator[None]:
    """Python may call so deep here, and no deeper: Keras' constructor walks a graph by recursion, a call for each node on a path.

    Python's own functions take no room on the thread's stack for that (since 3.11).
    """
    here = sum(1 for _ in traceback.walk_stack(None))
    with _deepening:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(max(before, here + calls + _SPARE))
        try:
            yield
        finally:
            sys.setrecursionlimit(before)

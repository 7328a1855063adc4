"""The adapter: the tf.Module that runs a layer's definition. Its children and variables are named as the layer's attributes.

In `forward`, `self` is the user's description bound to this module. It stores no variable and no child: each is looked up here
when the definition is traced. Called eagerly, a module traces its definition into a `tf.function` once and then runs the graph;
called inside somebody else's `tf.function`, it becomes part of that graph.
"""

from __future__ import annotations

import functools
import keyword
import re
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import tensorflow as tf

import unidl.backends.tensorflow as backend
from unidl.backends.lowering import Lowering
from unidl.backends.tensorflow.ops.random import drawn_from
from unidl.backends.tensorflow.tensor import is_only_device
from unidl.backends.tensorflow.tracing import (
    NESTED,
    Depends,
    Trace,
    Traced,
    in_layer,
    in_mode,
    is_training,
    kind_of,
    skeleton,
    traced,
    why_traced,
    with_control_flow,
)
from unidl.backends.tensorflow.weight import is_frozen, make_variable, variable_of
from unidl.codegen.identifiers import reserved, unreserved
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.graph.nesting import is_nested
from unidl.ops import op
from unidl.ops.stream import enter, leave, origin
from unidl.visible import visible_lines


def attribute_name(name: str) -> str:
    """The name of a weight or child on the module; one that tf.Module or the adapter uses itself gets an underscore behind it."""
    return unreserved(name, _TAKEN)


@dataclass(eq=False)
class Program:
    """What an adapter keeps beside its variables and children.

    Args:
        plan: The layer's plan.
        device: Where its variables are and where it runs.
        bound: The description, bound to the adapter.
        bound_children: Key -> the bound description of a child, once it was asked for.
        lowerings: Key -> how a child is called.
        nests: Attribute -> its bound children, in their lists and dicts.
        functions: What a graph depends on -> what was traced for it.
        traces: Every trace, in order.
        runs: How often a graph was run; many steps of a Trainer in one call count once.
        generation: How often its parts were found to be others.
        draws: Whether portable random numbers are drawn, itself or below, in inference and in training.
        native_draws: Likewise for TensorFlow's own.
        random_state: (seed, step), (2,), in a portable model.
    """

    plan: LayerPlan
    device: str
    bound: Any = None
    bound_children: dict[str, Layer] = field(default_factory=dict)
    lowerings: Mapping[str, Lowering | None] = field(default_factory=dict)
    nests: dict[str, Any] = field(default_factory=dict)
    functions: dict[Hashable, Traced] = field(default_factory=dict)
    traces: list[Trace] = field(default_factory=list)
    runs: int = 0
    generation: int = 0
    draws: tuple[bool, bool] = (False, False)
    native_draws: tuple[bool, bool] = (False, False)
    random_state: Any = None
    _made: list[Depends] = field(default_factory=list)  # what the traces depended on
    _why: str = ""
    _parts: list[tuple[Any, Any, Any]] | None = None  # (holder, name, variable or module): what the graphs hold
    _modules: list[tf.Module] = field(default_factory=list)
    _tracing: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if self.plan.random == "portable":
            self.draws = self.plan.counts_draws(False), self.plan.counts_draws(True)
            self.random_state = make_variable((2,), "int64", self.device, "random_state", trainable=False)
        else:
            self.native_draws = self.plan.draws_in(False), self.plan.draws_in(True)

    def next_random_state(self) -> tf.Tensor:
        """Take it to its next step; the state there."""
        self.random_state.assign_add([0, 1], read_value=False)
        return self.random_state.read_value()

    def __deepcopy__(self, memo: dict[int, Any]) -> Program:
        new = memo[id(self)] = Program(self.plan, self.device)  # a copy has variables of its own: it traces anew
        if self.random_state is not None:
            new.random_state.assign(self.random_state)
        module = memo[id(self.bound.__dict__["_binding"].module)]
        new.bound = self.bound.__dict__["_binding"].of(module)
        new.lowerings = self.lowerings
        return new

    def traced(
        self,
        key: Hashable,
        kind: str,
        make: Callable[[], Traced],
        more: Hashable = None,
        store: dict[Hashable, Any] | None = None,
    ) -> Traced:
        """The program for that key and the module as it stands, made if there is none yet.

        Args:
            key: What the program depends on.
            kind: "inference", "training" or "step".
            make: Makes it.
            more: What else it depends on.
            store: Where it is kept; None is the module itself.
        """
        kept = self.functions if store is None else store
        found = self._kept(key, kind, more, kept)
        if found is not None:
            return found
        with self._tracing:  # one thread traces, and others that want the same wait for it
            return self._kept(key, kind, more, kept) or self._made_now(key, kind, make, more, kept)

    def _kept(self, key: Hashable, kind: str, more: Hashable, kept: dict[Hashable, Any]) -> Traced | None:
        """The program, if there is one for the module as it stands."""
        parts = self._parts
        if parts is None or not unchanged(parts):
            return None
        return kept.get((self.generation, key, kind, self._resting(kind), more))

    def _resting(self, kind: str) -> tuple[bool, ...]:
        """Which layers are frozen, where that matters."""
        return () if kind == "inference" else tuple([is_frozen(part) for part in self._modules])

    def _made_now(
        self, key: Hashable, kind: str, make: Callable[[], Traced], more: Hashable, kept: dict[Hashable, Any]
    ) -> Traced:
        module = self.bound.__dict__["_binding"].module
        if self._parts is None or not unchanged(self._parts):
            self.functions.clear()  # the user put another variable or module in: the graphs still hold the old one
            self.generation += 1
            self._modules = []
            self._parts = list(parts_of(module, self._modules))
        resting = self._resting(kind)
        whole = (self.generation, key, kind, resting, more)
        function: Traced | None = kept.get(whole)
        if function is None:
            # texts: a function would keep a Trainer alive
            named = tuple(getattr(part, "__name__", part) for part in more) if isinstance(more, tuple) else repr(more)
            depends = (self.generation, key, kind, resting, named)
            self._why = why_traced(depends, self._made)
            self._made.append(depends)
            function = kept[whole] = make()
        return function

    @contextmanager
    def tracing(self, kind: str) -> Iterator[None]:
        """Count what happens inside as one trace."""
        started = time.perf_counter()
        why, self._why = self._why, "an input whose lengths the model was not built for"  # TensorFlow's own retracing
        yield
        self.traces.append(Trace(kind, time.perf_counter() - started, why))


class Adapter(tf.Module):
    """Runs one layer by its definition. There is a subclass, of the layer's name, for each layer class."""

    unidl: Program
    unidl_frozen = False
    autograph_info__: ClassVar[dict[str, Any]] = {}  # AutoGraph's own mark for what it leaves alone (see tracing)

    def __call__(self, *inputs: Any, training: bool | None = None, **named: Any) -> Any:
        """Run the graph; inside somebody else's tf.function, become part of it.

        Args:
            *inputs: What the layer's forward takes.
            training: Whether the call is part of training; None is inference, unless a Trainer's step is running.
            **named: What the layer's forward takes by name.
        """
        training = is_training() if training is None else training
        if tf.inside_function():
            return compute(self, inputs, named, training)
        program, tensors = self._program_for(inputs, named, training)
        with tf.device(self.unidl.device):  # nodes know it; this is for what the call returns
            return program(*tensors)

    def run_admitted(self, inputs: tuple[Any, ...], named: dict[str, Any], training: bool) -> Any:
        """The same for tensors that came through a model's door: the graph is run without looking at them again."""
        if tf.inside_function():
            return compute(self, inputs, named, training)
        program, tensors = self._program_for(inputs, named, training)
        if is_only_device():
            return program.run(tensors)
        with tf.device(self.unidl.device):
            return program.run(tensors)

    def _program_for(
        self, inputs: tuple[Any, ...], named: dict[str, Any], training: bool
    ) -> tuple[Traced, list[tf.Tensor]]:
        nest = (inputs, dict(sorted(named.items())) if named else named)
        tensors: list[Any] = []
        program = self._traced(nest, skeleton(nest, tensors), training)
        self.unidl.runs += 1
        return program, tensors

    def function(self, training: bool = False) -> Any:
        """The traced `tf.function`, for inputs as the model was built for; it takes their tensors one by one.

        Its graph is `function().get_concrete_function().graph`, in short `graph()`.
        """
        call = self.unidl.plan.calls[0]
        nest = (call.args, dict(sorted(call.kwargs.items())))
        return self._traced(nest, skeleton(nest, []), training).function

    def _traced(self, nest: Any, key: Hashable, training: bool) -> Traced:
        kind = kind_of(training)
        # a graph holds what it draws from: a run's own state, or the process'
        drawn = drawn_from() if self.unidl.native_draws[training] else None

        def run(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            with self.unidl.tracing(kind):
                return compute(self, args, kwargs, training)

        name = f"{type(self).__name__}_{kind}"
        more = (NESTED, drawn) if is_nested() else drawn
        return self.unidl.traced(key, kind, lambda: traced(run, name, self.unidl.plan, nest), more)

    def graph(self, training: bool = False) -> tf.Graph:
        """The graph that runs, to be read node by node: `graph().get_operations()`, `graph().as_graph_def()`."""
        return self.function(training).get_concrete_function().graph

    @property
    def traces(self) -> tuple[Trace, ...]:
        """Every time that the module was traced into a graph, and how long it took."""
        return tuple(self.unidl.traces)

    @property
    def runs(self) -> int:
        """How often a traced graph was run."""
        return self.unidl.runs

    @property
    def trainable_variables(self) -> tuple[tf.Variable, ...]:
        """As tf.Module's, without the variables of frozen layers."""
        modules = (self, *self.submodules)
        resting = {id(v) for module in modules if is_frozen(module) for v in own_variables(module)}
        return tuple([v for v in super().trainable_variables if id(v) not in resting])


class Root(Adapter):
    """The adapter of a whole model."""

    @property
    def inference(self) -> Any:
        """The traced program; a SavedModel takes it along."""
        return self.function()


# What a module's attributes may not be called.
MODULE = reserved([*dir(tf.Module()), *keyword.kwlist])
_TAKEN = reserved([*dir(tf.Module()), *dir(Root), "unidl"])


_classes: dict[tuple[type, type], type[Adapter]] = {}


def adapter_class(layer_class: type[Layer], base: type[Adapter]) -> type[Adapter]:
    """The adapter's class for a layer class, with its name."""
    key = layer_class, base
    if key not in _classes:
        members = {"__doc__": visible_lines(layer_class.__doc__ or ""), "__module__": __name__}
        _classes.setdefault(key, type(layer_class.__name__, (base,), members))
    return _classes[key]


def parts_of(module: tf.Module, modules: list[tf.Module]) -> Iterator[tuple[Any, Any, Any]]:
    """(holder, name, variable or module) for all that a graph of the module holds; lists the modules."""
    if any(module is met for met in modules):
        return
    modules.append(module)
    if not isinstance(module, Adapter):
        return
    own, plan = vars(module), module.unidl.plan
    for name in map(attribute_name, plan.weights):
        yield own, name, own.get(name)
    waiting: list[tuple[Any, Any]] = [(own, attribute_name(name)) for name in plan.structure]
    while waiting:
        holder, name = waiting.pop()
        value = now(holder, name)
        yield holder, name, value
        if isinstance(value, tf.Module):
            yield from parts_of(value, modules)
        elif isinstance(value, list):
            waiting.extend((value, i) for i in range(len(value)))
        elif isinstance(value, dict):
            waiting.extend((value, key) for key in value)


def unchanged(parts: list[tuple[Any, Any, Any]]) -> bool:
    """Whether each holder still holds the same; asked at each call."""
    for holder, name, value in parts:
        if (holder.get(name) if type(holder) is dict else now(holder, name)) is not value:
            return False
    return True


def own_variables(module: tf.Module) -> tuple[tf.Variable, ...]:
    """The variables of a layer, its sublayers' left out."""
    if not isinstance(module, Adapter):
        return tuple(module.variables)
    names = map(attribute_name, module.unidl.plan.weights)
    return tuple([variable_of(module, name) for name in names])


def now(holder: Any, name: Any) -> Any:
    """What a dict or list of a module holds under a name, None for nothing."""
    if isinstance(holder, list):
        return holder[name] if name < len(holder) else None
    return holder.get(name) if isinstance(holder, dict) else None


# -- computing ----------------------------------------------------------------------------------------------------------------


def compute(module: Adapter, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    """The definition, in the graph that is being traced."""
    plan = module.unidl.plan
    with tf.device(module.unidl.device), op.running(backend), in_mode(training), in_layer(plan.path):
        return forward_of(module)(*args, **kwargs)


def forward_of(module: Adapter) -> Callable[..., Any]:
    """The user's forward; where it asks Python about tensors, as AutoGraph converts it."""
    plan, bound = module.unidl.plan, module.unidl.bound
    if any(module.unidl.draws):
        return functools.partial(_drawing_forward, module.unidl)
    if not plan.dynamic:
        forward: Callable[..., Any] = bound.forward
        return forward
    return with_control_flow(plan, bound)


def _drawing_forward(program: Program, *args: Any, **kwargs: Any) -> Any:
    """The user's forward, whose draws are counted at its path."""
    training = program.bound.__dict__["_binding"].training
    before = enter(origin(program.plan.path), program.next_random_state if program.draws[training] else None)
    try:
        return program.bound.forward(*args, **kwargs)
    finally:
        leave(before)


def scope_name(plan: LayerPlan) -> str:
    """The scope of a layer's nodes and variables: its path, from the top."""
    path = re.sub(r"[^A-Za-z0-9_./-]", "_", plan.path).lstrip("_")
    return f"{path}/" if path else plan.layer.name.lstrip("_")

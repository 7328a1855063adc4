"""The adapter: the nn.Module that runs a layer's definition. Its children and parameters are named as the layer's attributes.

In `forward`, `self` is the user's description bound to this module. It stores no weight and no child: each is looked up here at
each access, so parametrizations, functional_call, deepcopy and export see what they expect.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

import unidl.backends.torch as backend
from unidl.access import Access
from unidl.backends.lowering import Lowering
from unidl.backends.torch.direct import FUNCTIONS, split, unobserved
from unidl.backends.torch.generator import its_turn, waits
from unidl.backends.torch.weight import Slot
from unidl.codegen.forwarding import method_like
from unidl.codegen.identifiers import attribute, reserved, unreserved
from unidl.codegen.members import places
from unidl.description.layer import Layer, bind
from unidl.description.plan import LayerPlan
from unidl.description.trace import ChildKey
from unidl.description.unreached import unreached
from unidl.errors import NativeStructureError
from unidl.graph.node import map_nest
from unidl.ops import op
from unidl.ops.stream import enter, leave, origin

# what nn.Module, and the adapter, use themselves
_NAMES = (*dir(nn.Module), *vars(nn.Module()))
_OWN = ("bound", "plan", "bound_children", "places", "draws", "origin", "random_state", "next_random_state", "access")
MODULE, _TAKEN = reserved([*_NAMES, *keyword.kwlist]), reserved([*_NAMES, *_OWN])
_DICT = reserved([*dir(nn.ModuleDict), *vars(nn.ModuleDict())])


def attribute_name(name: str) -> str:
    """The name of a weight or child on the module; one that nn.Module uses itself gets an underscore behind it."""
    return unreserved(name, _TAKEN)


def module_key(key: str) -> str:
    """The key of a child in a ModuleDict: a number or an identifier, as torch.fx writes it into code between quotes as it is."""
    return key if key.isascii() and key.isdigit() else attribute(key, _DICT)


class Binding:
    """Binds a description to the module that runs it.

    Args:
        module: An adapter, or torch's own module.
        plan: The layer's plan.
        lowering: How torch's own module is called; None for an adapter.
        parent: The adapter that has the module as an attribute; None for an adapter's own forward, and in lists and dicts.
        key: Under which the parent's plan has it.
    """

    locked = True

    def __init__(
        self,
        module: nn.Module,
        plan: LayerPlan,
        lowering: Lowering | None,
        parent: Adapter | None = None,
        key: str = "",
    ) -> None:
        self.module = module
        self.plan = plan
        self.lowering = lowering
        self.parent = parent
        self.key = key
        self.place = attribute_name(key)
        self.function = None if lowering is None else FUNCTIONS.get(lowering.call)
        self.within, self.after = split(plan.attributes.get("activation"))

    @property
    def training(self) -> bool:
        return child_of(self.parent, self.key).training if self._moved() else self.module.training  # type: ignore[arg-type]

    def _moved(self) -> bool:
        """Whether the user put another module in this one's place."""
        return self.parent is not None and self.parent._modules.get(self.place) is not self.module

    def attribute(self, layer: Layer, name: str) -> Any:
        if self._moved():
            return getattr(bound_child(self.parent, self.key), name)
        module = self.module
        if name in self.plan.weights:
            value = (
                slots_of(self.plan, module, self.lowering)[name].value() if self.lowering else own_weight(module, name)
            )
            # a state is changed in place: what was read before keeps its value, also for the backward pass
            return value.clone() if name in self.plan.updated and module.training else value
        if name in self.plan.structure:
            nest = self.plan.structure[name]
            held = module._modules.get(attribute_name(name))
            if type(nest) is list and type(held) is nn.ModuleList and len(held) == len(nest):
                return _bound_list(module, nest, held)
            return _bound_nest(module, nest)
        raise layer._no_attribute(name)

    def call(self, layer: Layer, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        parent, module, lowering = self.parent, self.module, self.lowering
        if parent is not None and parent._modules.get(self.place) is not module:  # _moved, without its call
            return bound_child(parent, self.key)(*args, **kwargs)
        if lowering is None:
            return call_adapter(module, args, kwargs)
        function = self.function
        if (
            function is not None
            and type(module) is function.module
            and len(args) == 1
            and type(args[0]) is torch.Tensor
            and not torch.compiler.is_dynamo_compiling()  # compilers are shown the module that stands there
            and len(module._parameters) == function.parameters
            and function.module.forward is function.forward
            and unobserved(module)
        ):
            y = function.compute(layer, module, self.within, args[0], **kwargs)
            return y if self.after is None else self.after(y)
        return lowering.call(layer, module, *args, **kwargs)

    def update(self, name: str, value: torch.Tensor) -> None:
        if self.module.training:
            with torch.no_grad():
                getattr(self.module, attribute_name(name)).copy_(value.detach())

    def add_weight(self, *_: Any) -> None:
        raise RuntimeError("setup does not run on a native object")


class Adapter(nn.Module):
    """Runs one layer by its definition. Subclasses, one for each layer class, have the signature of the user's forward."""

    bound: Layer
    plan: LayerPlan
    bound_children: dict[str, Layer]
    access: Access
    places: dict[str, tuple[str, ...]]  # key of a child -> the names that lead to it
    draws: tuple[bool, bool] | None = (
        None  # in inference, in training; None where nothing portable is drawn, itself or below
    )
    origin: int = 0  # of its path
    random_state: torch.Tensor  # (seed, step), (2,), in a portable model

    def next_random_state(self) -> torch.Tensor:
        """Take it to its next step; the state there."""
        with torch.no_grad():
            self.random_state[1:].add_(1)
        return self.random_state

    def train(self, mode: bool = True) -> Adapter:
        """As nn.Module's, but frozen layers stay in inference."""
        set_mode(self, mode)
        return self

    def __reduce__(self) -> tuple[Any, ...]:
        # the subclass is made on the fly: pickle and deepcopy make it again from the layer's class
        return (_empty, (type(self.plan.layer),), self.__dict__)


class Changed:
    """What `set_mode` changed.

    Args:
        mode: The mode.
    """

    __slots__ = ("mode", "states", "strange")

    def __init__(self, mode: bool) -> None:
        self.mode = mode
        self.states: list[dict[str, Any]] = []  # the attributes of modules whose flag was turned
        self.strange: list[
            tuple[nn.Module, bool]
        ] = []  # modules that say themselves what a mode means, with their flag before


_own_mode: dict[type, bool] = {}  # whether a module's class says itself what its mode means: of the user's, or compiled


def _asks(kind: type) -> bool:
    asks = _own_mode[kind] = not issubclass(kind, Adapter) and kind.train is not nn.Module.train  # type: ignore[attr-defined]
    return asks


def set_mode(native: nn.Module, training: bool) -> Changed:
    """Put all of a module into a mode, whatever its own flag says: a layer that was frozen a moment ago stays in inference."""
    changed = Changed(training)
    try:
        _switch(native, training, changed)
    except BaseException:  # a module of the user's raised in its own `train`
        reset_mode(changed)
        raise
    return changed


def _switch(native: nn.Module, training: bool, changed: Changed) -> None:
    states, known = changed.states, _own_mode
    waiting: list[Any] = [native]
    for module in waiting:  # it grows
        if module is None:
            continue
        state, kind = module.__dict__, type(module)
        if (
            (known[kind] if kind in known else _asks(kind))
            or "training" not in state
            or (training and state.get("unidl_frozen", False) and not isinstance(module, Adapter))
        ):
            # frozen, with all that is in it; or one that says itself what its mode means
            before = [(inner, inner.training) for inner in module.modules()]
            changed.strange += before
            module.train(training and not state.get("unidl_frozen", False))
            continue
        wanted = training and not state.get("unidl_frozen", False)
        if state["training"] is not wanted:
            state["training"] = wanted
            states.append(state)
        below = state["_modules"]
        if below:
            waiting += below.values()


def reset_mode(changed: Changed) -> None:
    """Each flag as it was, but what was frozen meanwhile stays in inference."""
    before = not changed.mode
    for state in changed.states:
        state["training"] = before and not state.get("unidl_frozen", False)
    for module, flag in changed.strange:
        module.training = flag and not module.__dict__.get("unidl_frozen", False)


class in_mode:  # noqa: N801  # used as `with in_mode(…)`
    """Inside, all of a module is in that mode; afterwards each flag is as it was. For one thread at a time.

    Args:
        native: The module.
        training: Whether it trains.
    """

    def __init__(self, native: nn.Module, training: bool) -> None:
        self.native = native
        self.training = training

    def __enter__(self) -> None:
        self.changed = set_mode(self.native, self.training)

    def __exit__(self, *_: object) -> None:
        reset_mode(self.changed)


_classes: dict[type, type[Adapter]] = {}


def adapter_class(layer_class: type[Layer]) -> type[Adapter]:
    """The adapter's class for a layer class, with its name and the signature of its forward."""
    if layer_class not in _classes:
        contents = {
            "forward": method_like(layer_class.forward, _runner),
            "__doc__": layer_class.__doc__,
            "__module__": __name__,
        }
        _classes.setdefault(layer_class, type(layer_class.__name__, (Adapter,), contents))
    return _classes[layer_class]


def _empty(layer_class: type[Layer]) -> Adapter:
    cls = adapter_class(layer_class)
    return cls.__new__(cls)


def call_adapter(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """module(*args, **kwargs), on the short way to its definition where the backend runs already and nobody looks on."""
    if (
        not torch.compiler.is_compiling()  # compilers are shown the module, and cannot read a ContextVar
        and unobserved(module)
        and op._running.get() is backend
        and isinstance(module, Adapter)
        and module.draws is None
    ):
        return module.bound.forward(*args, **kwargs)
    return module(*args, **kwargs)


def _runner(module: Adapter) -> Callable[..., Any]:
    forward: Callable[..., Any] = module.bound.forward if module.draws is None else _drawing_forward(module)
    if torch.compiler.is_compiling() or op._running.get() is backend:
        return forward
    return _running_forward(module, forward)


def _drawing_forward(module: Adapter) -> Callable[..., Any]:
    def forward(*args: Any, **kwargs: Any) -> Any:
        before = enter(module.origin, module.next_random_state if module.draws[module.training] else None)  # type: ignore[index]
        try:
            return module.bound.forward(*args, **kwargs)
        finally:
            leave(before)

    return forward


def _running_forward(module: Adapter, forward: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        entered = module.access.enter_native()  # what unidl's calls in other threads switched is switched back
        try:
            # the user called the native module: ops without a tensor are torch's here, and in training it may draw
            with op.running(backend), its_turn() if module.training and waits() else nullcontext():
                return forward(*args, **kwargs)
        finally:
            entered.leave_native()

    return run


def make_adapter(plan: LayerPlan, device: torch.device) -> Adapter:
    """The adapter of a layer, with its own weights and no children yet."""
    module = adapter_class(type(plan.layer))()
    module.plan = plan
    module.access = plan.access
    module.bound_children = {}
    module.places = {
        key: (attribute_name(name), *map(str, way))
        for name, nest in plan.structure.items()
        for key, way in places(nest, module_key)
    }
    for name, weight in plan.weights.items():
        value = torch.zeros(weight.shape, dtype=getattr(torch, weight.dtype), device=device)
        if weight.trainable:
            module.register_parameter(attribute_name(name), nn.Parameter(value))
        else:
            module.register_buffer(attribute_name(name), value)
    module.bound = bind(plan.layer, plan.attributes, Binding(module, plan, None))
    if plan.random == "portable":
        draws = plan.counts_draws(False), plan.counts_draws(True)
        module.draws, module.origin = draws if any(draws) else None, origin(plan.path)
        module.register_buffer("random_state", torch.zeros(2, dtype=torch.int64, device=device), persistent=False)
    return module


def add_child(module: Adapter, key: str, child: nn.Module, lowering: Lowering | None) -> None:
    """Put a child under its key, lists and dicts as ModuleDicts or ModuleLists made before."""
    *containers, last = module.places[key]
    parts = key.split("/")
    holder: nn.Module = module
    for depth, name in enumerate(containers):
        if name not in holder._modules:
            holder.add_module(name, nn.ModuleList() if _is_list(module.plan, parts[: depth + 1]) else nn.ModuleDict())
        holder = holder._modules[name]  # type: ignore[assignment]
    holder.add_module(last, child)
    _put_bound(module, key, _bind_child(module, key, child, lowering))


def _is_list(plan: LayerPlan, path: list[str]) -> bool:
    nest: Any = plan.structure[path[0]]
    for part in path[1:]:
        nest = nest[int(part)] if isinstance(nest, (list, tuple)) else {str(k): v for k, v in nest.items()}[part]
    # an nn.ModuleList has no gaps: a list in which other things stand between layers becomes a ModuleDict of its positions
    return (
        isinstance(nest, (list, tuple))
        and all(not isinstance(leaf, ChildKey) or plan.children[leaf].reached for leaf in nest)
        and all(isinstance(leaf, (ChildKey, list, tuple, dict)) for leaf in nest)
    )


def _bind_child(module: Adapter, key: str, child: nn.Module, lowering: Lowering | None) -> Layer:
    plan = module.plan.children[key]
    if "/" in key:
        return (
            child.bound
            if isinstance(child, Adapter)
            else bind(plan.layer, plan.attributes, Binding(child, plan, lowering))
        )
    return bind(plan.layer, plan.attributes, Binding(child, plan, lowering, module, key))


def _put_bound(module: Adapter, key: str, bound: Layer) -> None:
    """Keep a bound child; one that is an attribute is one of the bound parent too, which Python then finds by itself."""
    module.bound_children[key] = bound
    for name, nest in module.plan.structure.items():
        if isinstance(nest, ChildKey) and nest == key and "/" not in key:
            module.bound.__dict__[name] = bound


def own_weight(adapter: nn.Module, name: str) -> torch.Tensor:
    """An adapter's weight as a forward reads it; asked for at each read, so without a slot."""
    try:
        return getattr(adapter, attribute_name(name))  # type: ignore[no-any-return]
    except AttributeError:
        return Slot(adapter, attribute_name(name)).value()  # says what is missing


def slots_of(plan: LayerPlan, native: nn.Module, lowering: Lowering | None) -> Mapping[str, Slot]:
    """The layer's own weights in its module, an adapter or what a lowering made."""
    if lowering is None or isinstance(native, Adapter):
        return {name: Slot(native, attribute_name(name)) for name in plan.weights}
    return lowering.slots(plan, native)  # type: ignore[return-value]


def child_of(module: nn.Module, key: str) -> nn.Module:
    """The module under a key."""
    found: Any = module
    for name in module.places[key]:  # type: ignore[union-attr]  # only an adapter has children
        held = found._modules.get(name)
        found = getattr(found, name, None) if held is None else held  # a compiled list hands on what it holds
        if found is None:
            raise NativeStructureError(
                f"The native {type(module).__name__} has no module {key.replace('/', '.')!r} any more, so the description does not fit it.",
                fix="Change the description with model.replace(path, layer), or go on with model.native alone.",
            )
    return found


def bound_child(module: Any, key: str) -> Layer:
    """The bound description of a child, as the module stands now."""
    plan: LayerPlan = module.plan.children[key]
    if not plan.reached:
        return unreached(plan)
    child = child_of(module, key)
    bound = module.bound_children[key]
    binding: Binding = bound.__dict__["_binding"]
    if binding.module is not child:  # the user put another module there
        bound = _bind_child(module, key, child, binding.lowering)
        _put_bound(module, key, bound)
    return bound


def _bound_nest(module: Any, nest: Any) -> Any:
    """A nest of bound children, each as the module stands now."""
    return map_nest(lambda leaf: bound_child(module, leaf) if isinstance(leaf, ChildKey) else leaf, nest)


def _bound_list(module: Any, nest: list[Any], held: nn.ModuleList) -> list[Any]:
    """The same for a list, most of whose children are the ones that were bound."""
    bound, found = module.bound_children, []
    for part, child in zip(nest, held._modules.values(), strict=True):
        one = bound[part] if type(part) is ChildKey else None
        same = one is not None and one.__dict__["_binding"].module is child
        found.append(one if same else _bound_nest(module, part))
    return found

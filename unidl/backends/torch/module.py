"""The adapter: the nn.Module that runs a layer's definition. Its children and parameters are named as the layer's attributes.

In `forward`, `self` is the user's description bound to this module. It stores no weight and no child: each is looked up here at
each access, so parametrizations, functional_call, deepcopy and export see what they expect.
"""

from __future__ import annotations

import keyword
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import torch
from torch import nn

import unidl.backends.torch as backend
from unidl.access import Access
from unidl.backends.torch.fast_path import unobserved
from unidl.backends.torch.generator import its_turn, waits
from unidl.codegen.forwarding import method_like
from unidl.codegen.identifiers import attribute, reserved, unreserved
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.ops import op
from unidl.ops.stream import enter, leave
from unidl.visible import visible_lines

# what nn.Module, and the adapter, use themselves
_NAMES = (*dir(nn.Module), *vars(nn.Module()))
_OWN = (
    "bound", "plan", "bound_children", "places", "nests", "draws", "origin", "random_state", "next_random_state", "access",
)  # fmt: skip
MODULE, _TAKEN = reserved([*_NAMES, *keyword.kwlist]), reserved([*_NAMES, *_OWN])
_DICT = reserved([*dir(nn.ModuleDict), *vars(nn.ModuleDict())])


def attribute_name(name: str) -> str:
    """The name of a weight or child on the module; one that nn.Module uses itself gets an underscore behind it."""
    return unreserved(name, _TAKEN)


def module_key(key: str) -> str:
    """The key of a child in a ModuleDict: a number or an identifier, as torch.fx writes it into code between quotes as it is."""
    return key if key.isascii() and key.isdigit() else attribute(key, _DICT)


class Adapter(nn.Module):
    """Runs one layer by its definition. Subclasses, one for each layer class, have the signature of the user's forward."""

    bound: Layer
    plan: LayerPlan
    bound_children: dict[str, Layer]
    nests: dict[str, Any]  # attribute -> its bound children, in their lists and dicts
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
        return (_empty, (type(self.plan.layer),), {**self.__dict__, "nests": {}})


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
            "__doc__": visible_lines(layer_class.__doc__ or ""),
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

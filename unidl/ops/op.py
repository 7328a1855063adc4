"""The op: one neutral operation, and how a call of it finds its framework.

What a call needs:
- An op has a name, a signature, a docstring and a rule that gives the shape and dtype of its result.
- On symbolic tensors the rule is applied and a node is recorded; no framework is touched.
- On a framework's tensors the backend that owns them computes, found with `isinstance`; without any tensor, the backend of
  the model that is running, else the one in force.
- NumPy arrays beside tensors become tensors; a floating array takes the float tensors' dtype, as a Python float does.
- A *composed* op has a body written with other ops. A backend may still have its own; where it has none the body runs.
- Nothing here may stop `torch.compile(fullgraph=True)`: plain loops, `isinstance`, dictionaries. No ContextVar on the way of a
  call that has a tensor.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from types import EllipsisType
from typing import Any, TypeVar, cast

import numpy as np

from unidl.backends import registry
from unidl.backends.contract import Backend
from unidl.errors import BackendMismatchError, NotPortableError, UnidlError
from unidl.graph.branch import exploring
from unidl.graph.limit import OP, spend
from unidl.graph.node import OpCall, map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import OPERATORS, SymbolicTensor
from unidl.ops.stream import NOW
from unidl.within import within

Function = TypeVar("Function", bound=Callable[..., Any])

# name -> op, for backends' tables, tests and tools
OPS: dict[str, Op] = {}

_PLAIN = (bool, int, float, str, slice, EllipsisType, np.ndarray, np.generic)  # owned by no framework, told quickly
_families: list[tuple[tuple[type, ...], Backend]] = []
_SIMPLE = frozenset([bool, int, float, str, type(None)])
_UNSURE = object()
_exact: dict[type, Backend] = {}  # a tensor's very class, where a family names it: found without asking each family
_running: ContextVar[Backend | None] = ContextVar("unidl_running_backend", default=None)


def _add_family(backend: Backend) -> None:
    # Keras comes last: on its TensorFlow and torch engines the tensors belong to those backends
    global _families, _exact  # new ones, for other threads look into the old ones meanwhile
    families = sorted([*_families, (backend.TENSOR_TYPES, backend)], key=lambda family: family[1].SHARES_TENSORS)
    exact: dict[type, Backend] = {}
    for types, owner in reversed(families):  # the first family that has a class owns it
        exact.update(dict.fromkeys(types, owner))
    _families, _exact = families, exact


registry.when_loaded(_add_family)


def running(backend: Backend) -> within[Backend]:
    """Inside, a backend is the one that serves ops without a tensor: its native object runs."""
    return within(_running, backend)


def _backend_of_tensor(value: Any) -> Backend | None:
    exact = _exact.get(type(value))
    if exact is not None:
        return exact
    for types, backend in _families:
        if isinstance(value, types):
            return backend
    if isinstance(value, _PLAIN) or value is None or callable(value):
        return None
    name = registry.owner_of(value)
    if name is None:
        return None
    backend = registry.load(name)  # a framework's tensor whose backend was not loaded yet
    return backend if isinstance(value, backend.TENSOR_TYPES) else None


def _plain_owner(values: Any, owner: Any) -> Any:
    """The backend whose very tensors these are, beside nothing but Python's own values; _UNSURE where more is to be looked at.

    What most calls need, at a fraction of the whole look's cost.
    """
    for value in values:
        kind = type(value)
        found = _exact.get(kind)
        if found is None:
            if kind in _SIMPLE:
                continue
            if kind is not list and kind is not tuple:
                return _UNSURE
            found = _plain_owner(value, owner)
        if found is not owner:
            if owner is not None and found is not None:
                return _UNSURE
            owner = found or owner
    return owner


def _scan(values: Any, found: list[Any]) -> None:
    """Append to `found` the symbolic mark or the backend of each tensor in the nested values."""
    for value in values:
        if isinstance(value, SymbolicTensor):
            found.append(SymbolicTensor)
        elif isinstance(value, (list, tuple)):
            _scan(value, found)
        elif isinstance(value, dict):
            _scan(value.values(), found)
        else:
            backend = _backend_of_tensor(value)
            if backend is not None:
                found.append(backend)


def backend_without_tensor() -> Backend | None:
    """The backend for a call that has no tensor: that of the running model, else the one in force; None while a forward is traced."""
    for backend in registry.loaded():
        if backend.is_compiling():  # inside a compiler a ContextVar cannot be read
            return backend
    if exploring():
        return None
    return _running.get() or registry.load()


def backend_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Backend:
    """The backend that owns the tensors in the arguments; without any, that of the running model, else the one in force.

    Raises:
        NotPortableError: The tensors are symbolic, and no framework runs.
        BackendMismatchError: They are of two backends.
    """
    found: list[Any] = []
    _scan((args, kwargs), found)
    backend = None if SymbolicTensor in found else found[0] if found else backend_without_tensor()
    if backend is None:
        raise NotPortableError(
            "Gradients and compiling need a framework, and a model is only being described here.",
            fix="ops.custom_gradient gives an op its own gradient; take others outside forward.",
        )
    for other in found:
        if other is not backend:
            backend = _meet(backend, other, "grad")
    result: Backend = backend
    return result


class Op:
    """One neutral operation.

    Args:
        function: The Python function whose signature, docstring and, for a composed op, body it takes.
        rule: Gives the TensorSpec (or nest of them) of the result; called like the op itself, with symbolic tensors. None for
            a composed op: its body gives it.
        composed: Whether the body of `function` is the definition.
        takes_arrays: Whether NumPy arrays reach the backend as they are, and not as tensors of the dtype beside.
        portable: Of an op that draws random numbers: what it means where `unidl.ops.stream` says from what to draw.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        rule: Callable[..., Any] | None,
        composed: bool,
        takes_arrays: bool = False,
        portable: Callable[..., Any] | None = None,
    ) -> None:
        functools.update_wrapper(self, function)
        self.name = function.__name__
        self.function = function
        self.rule = rule
        self.composed = composed
        self.takes_arrays = takes_arrays
        self.portable = portable
        self.signature = inspect.signature(function)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_op_named, (self.name,))

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on a framework's tensors, or record on symbolic ones."""
        owner = _plain_owner(args, None)
        if kwargs and owner is not _UNSURE:
            owner = _plain_owner(kwargs.values(), owner)
        if owner is None or owner is _UNSURE or (self.portable is not None and NOW.stream is not None):
            return self._call(args, kwargs)
        direct = owner.OPS.get(self.name)
        return self._call(args, kwargs) if direct is None else direct(*args, **kwargs)

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        found: list[Any] = []
        _scan(args, found)
        if kwargs:
            _scan(kwargs.values(), found)
        if not found:
            backend = backend_without_tensor()
            if backend is None:
                return self._record(args, kwargs, found)
        elif SymbolicTensor in found:
            return self._record(args, kwargs, found)
        else:
            backend = found[0]
            for other in found:
                if other is not backend:
                    backend = _meet(backend, other, self.name)
        if not self.takes_arrays and (_has_array(args) or _has_array(tuple(kwargs.values()))):
            args, kwargs = backend.arrays_to_tensors(args, kwargs)
        if self.portable is not None and NOW.stream is not None:
            return self.portable(*args, **kwargs)
        implementation = backend.OPS.get(self.name)
        if implementation is None:
            if self.composed:
                return self.function(*args, **kwargs)
            raise NotPortableError(
                f"Backend {backend.NAME!r} does not supply ops.{self.name}.",
                expected="every op that is not composed of others, as unidl.backends.contract says",
            )
        return implementation(*args, **kwargs)

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any], found: list[Any]) -> Any:
        if any(f is not SymbolicTensor for f in found):
            raise BackendMismatchError(
                f"ops.{self.name} received a tensor of a framework beside a symbolic one.",
                expected="symbolic tensors, Python scalars and NumPy arrays while a model is described",
                fix="Give the constant as a NumPy array: unidl.to_numpy(tensor).",
            )
        spend(OP)
        bound = self.signature.bind(*args, **kwargs)  # a wrong argument fails here, with Python's own message
        bound.apply_defaults()
        if self.rule is None:
            result = self.function(*args, **kwargs)
            spec = map_nest(lambda t: t.spec if isinstance(t, SymbolicTensor) else t, result)
        else:
            if self.portable is not None:
                NOW.noted.append(NOW.inside)
            try:
                spec = self.rule(*bound.args, **bound.kwargs)
            except UnidlError as error:
                error.args = (f"ops.{self.name}: {error.args[0]}",)
                raise
        node = OpCall(args, kwargs, op=self)
        node.outputs = map_nest(lambda s: SymbolicTensor(s, node) if isinstance(s, TensorSpec) else s, spec)
        return node.outputs


class Branching(Op):
    """An op of control flow: a draw in its functions is told apart from one that happens once."""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As Op's."""
        before, NOW.inside = NOW.inside, self.name
        try:
            return super().__call__(*args, **kwargs)
        finally:
            NOW.inside = before


def _op_named(name: str) -> Op:
    return OPS[name]


def _has_array(values: tuple[Any, ...]) -> bool:
    for value in values:
        if isinstance(value, (np.ndarray, np.generic)):
            return True
        if isinstance(value, (list, tuple)) and _has_array(tuple(value)):
            return True
    return False


def _meet(a: Backend, b: Backend, name: str) -> Backend:
    """The backend for tensors of two: Keras' own objects beside its engine's tensors go to Keras; others do not mix."""
    for one, other in ((a, b), (b, a)):
        if one.SHARES_TENSORS and one.accepts_tensors_of(other):
            return one
    raise BackendMismatchError(
        f"ops.{name} received tensors of two backends, {a.NAME} and {b.NAME}.",
        expected="tensors of one backend",
        fix="Move one over: unidl.to_numpy(tensor) gives an array that every backend takes.",
    )


def op(
    rule: Callable[..., Any],
    takes_arrays: bool = False,
    portable: Callable[..., Any] | None = None,
    branches: bool = False,
) -> Callable[[Function], Function]:
    """Declare an op that each backend supplies; `rule` gives the shape and dtype of its result.

    Args:
        rule: See Op.
        takes_arrays: See Op.
        portable: See Op.
        branches: Whether it runs functions that it is given, once, never or many times.
    """

    def declare(function: Function) -> Function:
        kind = Branching if branches else Op
        return cast(Function, _register(kind(function, rule, False, takes_arrays, portable)))

    return declare


def drawing(portable: Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare a composed op that draws random numbers, and what it means where these are portable."""

    def declare(function: Function) -> Function:
        return cast(Function, _register(Op(function, None, composed=True, portable=portable)))

    return declare


def composed(function: Function) -> Function:
    """Declare an op whose body, written with other ops, is its definition. A backend may have a faster way."""
    return cast(Function, _register(Op(function, None, composed=True)))


def _register(new: Op) -> Any:
    if new.name in OPS:
        raise ValueError(f"There already is an op {new.name!r}.")
    OPS[new.name] = new
    return new


def as_operators(ops: Mapping[str, Any]) -> None:
    """Hand the ops behind the portable operators to the symbolic tensors."""
    OPERATORS.update(ops)

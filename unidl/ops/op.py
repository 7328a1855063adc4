"""The op: one neutral operation, and how a call of it finds its framework.

What a call needs:
- An op has a name, a signature, a docstring and a rule that gives the shape and dtype of its result.
- On symbolic tensors the rule is applied and a node is recorded; no framework is touched.
- On a framework's tensors the backend that owns them computes, found with `isinstance`; without any tensor, the backend of
  the model that is running, else the one in force.
- NumPy arrays beside tensors become tensors; a floating array takes the float tensors' dtype, as a Python float does.
- Every call is checked against the op's declaration (`unidl.ops.check`), on a framework's tensors too: once for each set of shapes, dtypes
  and plain arguments, which is then remembered with what computes it. Not while torch's compiler traces.
- A *composed* op has a body written with other ops. A backend may still have its own; where it has none the body runs.
- Nothing here may stop `torch.compile(fullgraph=True)`: plain loops, `isinstance`, dictionaries. No ContextVar on the way of a
  call that has a tensor.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Hashable, Mapping
from contextvars import ContextVar
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
from unidl.ops.check import bind, check, conformed, naming, spec_by_rule
from unidl.ops.owner import UNSURE, describe, is_tensor, scan
from unidl.ops.stream import NOW
from unidl.within import within

Function = TypeVar("Function", bound=Callable[..., Any])

# name -> op, for backends' tables, tests and tools
OPS: dict[str, Op] = {}

_REMEMBERED = 4096  # calls of one op; shapes may differ without end
_running: ContextVar[Backend | None] = ContextVar("unidl_running_backend", default=None)


def _forget(_: Backend) -> None:
    """A backend that was loaded may own tensors that were another's."""
    for op in OPS.values():
        op.forget()


registry.when_loaded(_forget)


def running(backend: Backend) -> within[Backend]:
    """Inside, a backend is the one that serves ops without a tensor: its native object runs."""
    return within(_running, backend)


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
    scan((args, kwargs), found)
    backend = _one_backend(found, "ops.grad")
    if backend is None:
        raise NotPortableError(
            "Gradients and compiling need a framework, and a model is only being described here.",
            fix="ops.custom_gradient gives an op its own gradient; take others outside forward.",
        )
    return backend


class Op:
    """One neutral operation.

    Args:
        function: The Python function whose signature, docstring and, for a composed op, body it takes.
        rule: Gives the TensorSpec (or nest of them) of the result; called like the op itself, with symbolic tensors. None for
            most composed ops: the body gives it.
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
        self.title = f"ops.{self.name.replace('random_', 'random.', 1)}"
        self.function = function
        self.rule = rule
        self.composed = composed
        self.takes_arrays = takes_arrays
        self.portable = portable
        self.signature = inspect.signature(function)
        parameters = self.signature.parameters.values()
        self.annotations = {p.name: str(p.annotation) for p in parameters}
        self.variadic = next((p.name for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        self._by_value = any(annotation != "Tensor" for annotation in self.annotations.values())
        self._checked: dict[Hashable, Callable[..., Any]] = {}  # what a call depends on -> what computes it

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (_op_named, (self.name,))

    @property
    def eager_rule(self) -> Callable[..., Any] | None:
        """The rule for calls on a framework's tensors."""
        return self.rule

    def forget(self) -> None:
        """Look for the backend of each call anew."""
        self._checked.clear()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Compute on a framework's tensors, or record on symbolic ones."""
        key: list[Any] = []
        owner = describe(args, key, None, self._by_value)
        if kwargs and owner is not UNSURE:
            key += kwargs
            owner = describe(kwargs.values(), key, owner, self._by_value)
        if owner is None or owner is UNSURE or owner.is_compiling():
            return self._call(args, kwargs, None)
        if self.portable is not None and NOW.stream is not None:
            return self._call(args, kwargs, None)
        try:
            compute = self._checked.get(tuple(key))
        except TypeError:  # lengths that a compiler of torch's follows by symbols have no hash
            return self._call(args, kwargs, None)
        if compute is None:
            return self._call(args, kwargs, tuple(key))
        try:
            return compute(*args, **kwargs)
        except UnidlError as error:  # of values, which no rule knows
            error.in_op(self.title)
            raise

    def _call(self, args: tuple[Any, ...], kwargs: dict[str, Any], key: Hashable) -> Any:
        """A call that is not remembered; it is, under the key, once it was checked."""
        found: list[Any] = []
        scan(args, found)
        if kwargs:
            scan(kwargs.values(), found)
        backend = _one_backend(found, self.title)
        if backend is None:
            return self._record(args, kwargs, found)
        if not backend.is_compiling():
            args, kwargs = check(self, args, kwargs, is_tensor)
        if not self.takes_arrays and (_has_array(args) or _has_array(tuple(kwargs.values()))):
            args, kwargs = backend.arrays_to_tensors(args, kwargs)
        if self.portable is not None and NOW.stream is not None:
            return self.portable(*args, **kwargs)
        compute = backend.OPS.get(self.name, self.function if self.composed else None)
        if compute is None:
            raise NotPortableError(
                f"Backend {backend.NAME!r} does not supply {self.title}.",
                expected="every op that is not composed of others, as unidl.backends.contract says",
            )
        if key is not None:
            if len(self._checked) >= _REMEMBERED:
                self._checked.clear()
            self._checked[key] = compute
        with naming(self):
            return compute(*args, **kwargs)

    def _record(self, args: tuple[Any, ...], kwargs: dict[str, Any], found: list[Any]) -> Any:
        if any(f is not SymbolicTensor for f in found):
            raise BackendMismatchError(
                f"{self.title} received a tensor of a framework beside a symbolic one.",
                expected="symbolic tensors, Python scalars and NumPy arrays while a model is described",
                fix="Give the constant as a NumPy array: unidl.to_numpy(tensor).",
            )
        spend(OP)
        with naming(self):
            bound = bind(self, args, kwargs)
            changed = conformed(self, bound)
            if changed:
                bound.arguments.update(changed)
                args, kwargs = bound.args, bound.kwargs
            if self.rule is None:
                result = self.function(*args, **kwargs)
                spec = map_nest(lambda t: t.spec if isinstance(t, SymbolicTensor) else t, result)
            else:
                if self.portable is not None:
                    NOW.noted.append(NOW.inside)
                spec = spec_by_rule(self, self.rule, bound)
        node = OpCall(args, kwargs, op=self)
        node.outputs = map_nest(lambda s: SymbolicTensor(s, node) if isinstance(s, TensorSpec) else s, spec)
        return node.outputs


class Branching(Op):
    """An op of control flow: a draw in its functions is told apart from one that happens once.

    Its functions may hold tensors of a framework, so that they cannot run on symbolic ones: of an eager call what needs no function is
    checked beforehand, and the rest by the backend as it goes.
    """

    @property
    def eager_rule(self) -> Callable[..., Any] | None:
        """None; see `unidl.ops.control`."""
        return None

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


def _one_backend(found: list[Any], title: str) -> Backend | None:
    """The backend of what `scan` found; None where a tensor is symbolic, or where there is none while a forward is traced."""
    if not found:
        return backend_without_tensor()
    if SymbolicTensor in found:
        return None
    backend: Backend = found[0]
    for other in found:
        if other is not backend:
            backend = _meet(backend, other, title)
    return backend


def _meet(a: Backend, b: Backend, title: str) -> Backend:
    """The backend for tensors of two: Keras' own objects beside its engine's tensors go to Keras; others do not mix."""
    for one, other in ((a, b), (b, a)):
        if one.SHARES_TENSORS and one.accepts_tensors_of(other):
            return one
    raise BackendMismatchError(
        f"{title} received tensors of two backends, {a.NAME} and {b.NAME}.",
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
    """Declare an op whose body, written with other ops, is its definition and its rule. A backend may have a faster way."""
    return cast(Function, _register(Op(function, None, composed=True)))


def composed_with(rule: Callable[..., Any]) -> Callable[[Function], Function]:
    """Declare a composed op whose body cannot run on symbolic tensors, or says less than a rule of its own."""

    def declare(function: Function) -> Function:
        return cast(Function, _register(Op(function, rule, composed=True)))

    return declare


def _register(new: Op) -> Any:
    if new.name in OPS:
        raise ValueError(f"There already is an op {new.name!r}.")
    OPS[new.name] = new
    return new


def as_operators(ops: Mapping[str, Any]) -> None:
    """Hand the ops behind the portable operators to the symbolic tensors."""
    OPERATORS.update(ops)

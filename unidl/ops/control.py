"""Control flow on tensors, and gradients of one's own.

The functions given here take the tensors that they need as operands. In eager torch and TensorFlow a closure over tensors
works too; in a graph of symbolic tensors (a functional model, Keras) it does not, and is an error there.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from unidl.errors import ArgumentError, ShapeError
from unidl.graph.node import leaves, map_nest
from unidl.graph.operand import tensor_spec
from unidl.graph.shape import canonical_axis
from unidl.graph.spec import TensorSpec
from unidl.graph.stand_in import agree, is_scalar_bool, spec_of, specs_returned, stand_ins
from unidl.ops.op import op

Tensor = Any
Nest = Any


@op(tensor_spec)
def stop_gradient(x: Tensor) -> Tensor:
    """The same value, through which no gradient flows.

    Example:
        >>> unidl.to_numpy(unidl.grad(lambda x: ops.sum(x * ops.stop_gradient(x)))(np.array([3.0]))).tolist()
        [3.0]
    """


def _apply_custom_gradient(function: Callable[..., Any], *inputs: Any) -> Any:
    given = stand_ins(inputs)
    y, backward = split_custom(function(*given))
    result = map_nest(spec_of, y)
    for leaf in [] if isinstance(result, TensorSpec) else result:
        if not isinstance(leaf, TensorSpec):
            raise ArgumentError(
                "A function with its own gradient returns one tensor or a flat tuple of them.",
                received=type(leaf).__name__,
            )
    gradients = as_tuple(backward(*as_tuple(stand_ins(result))))
    check_gradients(len(gradients), len(inputs))
    for i, (gradient, x) in enumerate(zip(gradients, inputs, strict=True)):
        if gradient is not None:
            agree(spec_of(gradient), spec_of(x), f"Gradient {i} of the backward function", f"input {i}")
    return result


@op(_apply_custom_gradient)
def apply_custom_gradient(function: Callable[..., Any], *inputs: Tensor) -> Nest:
    """What a function decorated with `custom_gradient` calls."""


def split_custom(returned: Any) -> tuple[Any, Callable[..., Any]]:
    """The result and the backward function that a function with its own gradient returns.

    Raises:
        ArgumentError: It returned something else.
    """
    if not isinstance(returned, (tuple, list)) or len(returned) != 2 or not callable(returned[1]):
        raise ArgumentError(
            "A function decorated with ops.custom_gradient returned something else than its result and its gradient.",
            expected="(y, backward), with backward(dy) the gradient by each input",
            received=type(returned).__name__,
        )
    return returned[0], returned[1]


def as_tuple(value: Any) -> tuple[Any, ...]:
    """A list or tuple as a tuple, anything else as a tuple of one."""
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def check_gradients(received: int, inputs: int) -> None:
    """Refuse a backward function that does not return one gradient for each input."""
    if received != inputs:
        raise ArgumentError(
            "A backward function returns one gradient for each input.",
            expected=f"{inputs}, None for one through which nothing flows",
            received=str(received),
        )


def custom_gradient(function: Callable[..., Any]) -> Callable[..., Any]:
    """Decorate a function that brings its own gradient.

    Args:
        function: f(*xs) -> (y, backward). The xs are tensors; y is one tensor or a tuple of them; backward takes one gradient
            for each output and returns one for each x, or None where nothing flows.

    Returns:
        A function of tensors alone that returns y. Settings that are no tensors belong in a closure (functools.partial).

    Raises:
        ArgumentError: The function returns something else, or backward returns another number of gradients.
        ShapeError: While a model is described: a gradient has another shape than its input.

    Example:
        >>> @ops.custom_gradient
        ... def clipped(x):  # the identity, whose gradient never exceeds one
        ...     return x, lambda dy: ops.clip(dy, -1.0, 1.0)
        >>> unidl.to_numpy(unidl.grad(lambda x: ops.sum(5.0 * clipped(x)))(np.array([2.0]))).tolist()
        [1.0]
    """

    @functools.wraps(function)
    def with_its_gradient(*inputs: Tensor) -> Nest:
        return apply_custom_gradient(function, *inputs)

    return with_its_gradient


def _cond(predicate: Any, true_fn: Callable[..., Any], false_fn: Callable[..., Any], operands: tuple[Any, ...]) -> Any:
    is_scalar_bool(spec_of(predicate), "The predicate of ops.cond")
    yes = specs_returned(true_fn, tuple(operands), "The true branch")
    no = specs_returned(false_fn, tuple(operands), "The false branch")
    return agree(yes, no, "The true branch", "the false branch")


@op(_cond, branches=True)
def cond(
    predicate: Tensor, true_fn: Callable[..., Nest], false_fn: Callable[..., Nest], operands: tuple[Any, ...] = ()
) -> Nest:
    """What one of two functions gives; only that one is computed.

    Args:
        predicate: A scalar bool tensor.
        true_fn: Called with the operands if it is true.
        false_fn: Called with the operands if it is false; returns the same structure, shapes and dtypes.
        operands: Tensors, or nests of them.

    Raises:
        ShapeError: The predicate has axes; while a model is described: the branches differ in shape.
        DtypeError: The predicate is not bool; while a model is described: the branches differ in dtype.
        ArgumentError: While a model is described: the branches differ in structure.

    Example:
        >>> x = ops.tensor([1.0, -3.0])
        >>> unidl.to_numpy(ops.cond(ops.sum(x) > 0, lambda x: x, lambda x: -x, (x,))).tolist()
        [-1.0, 3.0]

    Where the frameworks differ: torch takes the branch in Python, which waits for the device; under torch.compile it becomes
    `torch.cond`, whose branches may not return one of the operands itself (return x * 1.0) and must agree exactly.
    """


def _while_loop(condition: Callable[..., Any], body: Callable[..., Any], state: Any, max_iterations: int | None) -> Any:
    if max_iterations is not None and max_iterations < 0:
        raise ArgumentError(
            "max_iterations of ops.while_loop.", expected="None, or an integer from 0", received=str(max_iterations)
        )
    operands = as_tuple(state)
    is_scalar_bool(specs_returned(condition, operands, "The condition"), "The condition of ops.while_loop")
    after = specs_returned(lambda *s: type_like(state, body(*s)), operands, "The body")
    return agree(after, map_nest(spec_of, state), "The state after the body", "the state before it")


def type_like(state: Any, returned: Any) -> Any:
    """What a body returned as the same kind of sequence as the state; a list for a tuple is no difference."""
    if isinstance(state, (list, tuple)) and isinstance(returned, (list, tuple)) and not hasattr(state, "_fields"):
        return type(state)(returned)
    return returned


@op(_while_loop, branches=True)
def while_loop(
    condition: Callable[..., Tensor], body: Callable[..., Nest], state: Nest, max_iterations: int | None = None
) -> Nest:
    """A state changed by `body` as long as `condition` holds.

    Args:
        condition: Called with the state's items; gives a scalar bool tensor.
        body: Called with the state's items; gives the next state, of the same structure, shapes and dtypes.
        state: A tuple or list of tensors, numbers or nests of them, or one tensor.
        max_iterations: The loop ends after so many rounds at the latest; None for no limit.

    Returns:
        The last state.

    Raises:
        ShapeError: While a model is described: the state changes its shape.
        DtypeError: While a model is described: the state changes its dtype.
        ArgumentError: While a model is described: the state changes its structure.

    Example:
        >>> n, power = ops.while_loop(lambda n, p: p < 100, lambda n, p: (n + 1, p * 2), (0, 1))
        >>> int(unidl.to_numpy(power))
        128

    Where the frameworks differ: torch loops in Python, which waits for the device each round; under torch.compile it becomes
    torch's `while_loop`, through which no gradient flows (`ops.scan` unrolls and has one). TensorFlow's XLA compiler needs
    `max_iterations` for a gradient; jax has none through such a loop.
    """


def _scan(step: Callable[..., Any], initial: Any, xs: Any, reverse: bool, axis: int) -> Any:
    items = [spec_of(x) for x in leaves(xs)]
    lengths = {spec.shape[canonical_axis(axis, len(spec.shape))] for spec in items} - {None}
    if not items or len(lengths) > 1:
        raise ShapeError(
            "ops.scan goes over tensors of one length.",
            expected=f"at least one tensor, equal lengths at axis {axis}",
            received=f"lengths {sorted(n for n in lengths if n is not None)}",
        )
    time = lengths.pop() if lengths else None

    def without(x: Any) -> TensorSpec:
        spec = spec_of(x)
        place = canonical_axis(axis, len(spec.shape))
        return TensorSpec(spec.shape[:place] + spec.shape[place + 1 :], spec.dtype)

    def within(spec: TensorSpec) -> TensorSpec:
        place = canonical_axis(axis, len(spec.shape) + 1)
        return TensorSpec((*spec.shape[:place], time, *spec.shape[place:]), spec.dtype)

    returned = specs_returned(lambda carry, x: split_step(step(carry, x)), (initial, map_nest(without, xs)), "The step")
    carry = agree(returned[0], map_nest(spec_of, initial), "The carry after the step", "the initial carry")
    return carry, map_nest(within, returned[1])


def split_step(returned: Any) -> tuple[Any, Any]:
    """The carry and the output that a step of a scan returns.

    Raises:
        ArgumentError: It returned something else.
    """
    if not isinstance(returned, (tuple, list)) or len(returned) != 2:
        raise ArgumentError(
            "The step of ops.scan returned something else.", expected="(carry, y)", received=type(returned).__name__
        )
    return returned[0], returned[1]


@op(_scan, branches=True)
def scan(
    step: Callable[[Nest, Nest], tuple[Nest, Nest]], initial: Nest, xs: Nest, reverse: bool = False, axis: int = 0
) -> Nest:
    """A loop over the slices of tensors along one axis, with a state; gradients flow through it.

        carry, y[t] = step(carry, x[t])        for t = 0, 1, …, or from the last to the first

    Args:
        step: (carry, x) -> (carry, y).
        initial: The first carry: a tensor, a number, or a nest of them.
        xs: A tensor, or a nest of tensors, of one length at `axis`.
        reverse: From the last to the first; y[t] still belongs to x[t].
        axis: The axis of time, in xs and in the outputs.

    Returns:
        The last carry, and the outputs side by side along `axis`.

    Raises:
        ShapeError: The lengths differ; while a model is described: the carry changes its shape.
        DtypeError: While a model is described: the carry changes its dtype.
        ArgumentError: While a model is described: the carry changes its structure, or the step returns no pair.

    Example:
        >>> total, sums = ops.scan(lambda c, x: (c + x, c + x), 0.0, np.array([1.0, 2.0, 3.0], "float32"))
        >>> unidl.to_numpy(sums).tolist()
        [1.0, 3.0, 6.0]

    Where the frameworks differ: TensorFlow makes one loop node for any length, torch loops in Python, which torch.compile
    unrolls.
    """

"""Tracing: how a definition becomes a tf.function, and a user's Python control flow nodes of its graph."""

from __future__ import annotations

import contextlib
import functools
import inspect
from collections.abc import Callable, Hashable, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.autograph.pyct.errors import PyCTError
from tensorflow.python.eager import record

from unidl import ops
from unidl.description.control_flow import asked_in_a_graph, becomes_no_graph, has_no_source
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.errors import UnidlError
from unidl.graph.node import map_nest
from unidl.graph.tensor import SymbolicTensor
from unidl.ops import op
from unidl.within import within

# Whether the trace in progress (or what the Trainer runs now) is part of training
_training: ContextVar[bool] = ContextVar("unidl_tensorflow_training", default=False)


def is_training() -> bool:
    """Whether what is being traced, or run by a Trainer, is part of training."""
    return _training.get()


def in_mode(training: bool) -> within[bool]:
    """Inside, a module that is called without `training=` runs in this mode."""
    return within(_training, training)


def with_gradient(
    value: tf.Tensor, inputs: Sequence[tf.Tensor], gradient: Callable[[tf.Tensor], Sequence[tf.Tensor]]
) -> tf.Tensor:
    """The value, whose gradient by the inputs is what the function makes of the gradient by the value, while a training step is traced.

    TensorFlow's own gradients ask for lengths at each step where the batch's is open, or pass over a tensor more often than need be.
    What the value was computed with stays recorded too, so that the gradient has a gradient. tf.custom_gradient would do the same
    and keep each graph that it was used in for the life of the process.
    """
    if not is_training():
        return value
    with record.stop_recording():
        result = tf.identity(value)  # a tensor of no other history
    scope = None if tf.executing_eagerly() else f"gradient_tape/{value.op.name}/"  # as the tape names what it makes

    def backward(by_result: tf.Tensor) -> Sequence[tf.Tensor]:
        with contextlib.nullcontext() if scope is None or tf.executing_eagerly() else tf.name_scope(scope):
            return gradient(by_result)

    record.record_operation("WithGradient", [result], list(inputs), backward)
    return result


# Whose nodes are being added to a graph: the path of a layer, None outside a model
_layer: ContextVar[str | None] = ContextVar("unidl_tensorflow_layer", default=None)


def current_layer() -> str | None:
    """The path of the layer whose definition is being traced; None outside a model."""
    return _layer.get()


def in_layer(path: str) -> within[str]:
    """Inside, what is traced belongs to the layer of that path."""
    return within(_layer, path)


# Whether the trace in progress is for another runtime than TensorFlow's own
_elsewhere: ContextVar[bool] = ContextVar("unidl_tensorflow_elsewhere", default=False)


def for_elsewhere() -> within[bool]:
    """Inside, what is traced will be run by another runtime (LiteRT), which lacks some of TensorFlow's kernels."""
    return within(_elsewhere, True)


def lacks_kernels() -> bool:
    """Whether what is being traced will be compiled by XLA, or run elsewhere, where some of TensorFlow's kernels are missing."""
    if _elsewhere.get():
        return True
    graph: Any = None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()
    while graph is not None:
        context = graph._get_control_flow_context()  # tf.function(jit_compile=True) marks its trace there
        while context is not None:
            if context.IsXLAContext():
                return True
            context = context.outer_context
        graph = getattr(graph, "outer_graph", None)
    return False


@dataclass(frozen=True)
class Trace:
    """One time that a definition was traced into a graph.

    Args:
        kind: "inference", "training", or "step" for a Trainer's step around the model.
        seconds: How long it took.
        why: What made it necessary.
    """

    kind: str
    seconds: float
    why: str = ""


# Who wants to know of the functions that are traced
_listener: ContextVar[list[Traced] | None] = ContextVar("unidl_tensorflow_listener", default=None)


def listening() -> within[list[Traced]]:
    """Inside, every function that is traced is put into the list."""
    return within(_listener, [])


class Traced:
    """A function, traced into a graph.

    Args:
        function: What is traced; it takes tensors one by one.
        name: Its name.
        signature: What is known of the tensors; None lets TensorFlow find out by itself, call by call, what varies.
        jit: Whether XLA compiles it.
    """

    def __init__(
        self, function: Callable[..., Any], name: str, signature: list[tf.TensorSpec] | None, jit: bool = False
    ) -> None:
        function.__name__ = name
        self.function = tf.function(
            function,
            input_signature=signature,
            autograph=False,
            reduce_retracing=signature is None,
            jit_compile=jit or None,
        )
        self.concrete = None if signature is None else self.function.get_concrete_function()
        self._held: list[Any] = [] if self.concrete is None else list(self.concrete.captured_inputs)
        made = _listener.get()
        if made is not None:
            made.append(self)

    def __call__(self, *tensors: Any) -> Any:
        """Run the graph."""
        if self.concrete is None or tf.config.functions_run_eagerly():
            return self.function(*tensors)
        return self.concrete(*tensors)  # a tf.function would warn of many traces where a process has many models

    def run(self, tensors: list[tf.Tensor]) -> Any:
        """The same for tensors that fit the signature: Python does not compare them with it, which takes longer than a small graph.

        Where a gradient may be wanted it is an ordinary call, which TensorFlow records.
        """
        if self.concrete is None or tf.config.functions_run_eagerly() or record.could_possibly_record():
            return self(*tensors)
        return self.concrete.inference_fn.call_preflattened([*tensors, *self._held])


Depends = tuple[
    int, Hashable, str, tuple[bool, ...], Hashable
]  # generation, inputs, kind, which layers are frozen, what else


NESTED = "nested"
"""What else a graph depends on: that a gradient is taken inside a gradient, where some layers run their definitions."""


def why_traced(wanted: Depends, made: list[Depends]) -> str:
    """What made a trace necessary, given what others were made for, in order."""
    generation, inputs, kind, frozen, more = wanted
    if made and made[-1][0] != generation:
        return "a variable or module was put in another's place"
    alike = [one for one in made if one[0] == generation and one[2] == kind]
    if not alike:
        return f"the first call in {kind}" if kind != "step" else "the first step"
    if not any(one[1] == inputs for one in alike):
        return "another structure, number of axes or dtype of the inputs, or another plain value"
    if not any(one[3] == frozen for one in alike):
        return "other layers are frozen"
    if isinstance(more, tuple) and more[:1] == (NESTED,):
        return "a gradient inside a gradient"
    if not any(one[4] == more for one in alike):
        if kind != "step":
            return "other random numbers: a run's own, or the process'"
        return "another function of the Trainer (training or evaluation), or other lengths for XLA"
    return "a Trainer's program for data of another structure, or of another Trainer"


def kind_of(training: bool) -> str:
    """How traces name the mode."""
    return "training" if training else "inference"


def is_tensor(leaf: Any) -> bool:
    """Whether an input is one of a graph; other values are part of what is traced."""
    return isinstance(leaf, (tf.Tensor, tf.Variable, np.ndarray, np.generic, SymbolicTensor))


def skeleton(nest: Any, tensors: list[Any]) -> Hashable:
    """What a graph depends on of its inputs: structure, number of axes, dtype, plain values. Collects the tensors."""
    if isinstance(nest, (list, tuple)):
        return (type(nest), *[skeleton(item, tensors) for item in nest])
    if isinstance(nest, dict):
        return (dict, *[(key, skeleton(item, tensors)) for key, item in nest.items()])
    if is_tensor(nest):
        tensors.append(nest)
        return len(nest.shape), tf.as_dtype(nest.dtype)
    return type(nest), nest


def traced(
    compute: Callable[..., Any], name: str, plan: LayerPlan, nest: tuple[tuple[Any, ...], dict[str, Any]]
) -> Traced:
    """`compute(args, kwargs)`, traced for inputs of that structure and of any batch size.

    Args:
        compute: What is traced.
        name: The function's name.
        plan: Of the layer; its traced calls tell which axes may vary.
        nest: args and kwargs.
    """
    place = object()
    tensors: list[Any] = []
    skeleton(nest, tensors)
    blank = map_nest(lambda leaf: place if is_tensor(leaf) else leaf, nest)

    def run(*tensors: tf.Tensor) -> Any:
        rest = iter(tensors)
        args, kwargs = map_nest(lambda leaf: next(rest) if leaf is place else leaf, blank)
        return compute(args, kwargs)

    return Traced(run, name, signature_of(plan, tensors))


def signature_of(plan: LayerPlan, tensors: list[Any]) -> list[tf.TensorSpec] | None:
    """The inputs of the traced calls with such tensors (axes and dtypes); an axis on which they differ may vary."""
    columns: list[Any] = []
    for call in plan.calls:
        known: list[Any] = []
        skeleton((call.args, call.kwargs), known)
        if skeleton(known, []) == skeleton(tensors, []):
            columns.append(known)
    if not columns:
        return None
    specs = []
    for i, column in enumerate(zip(*columns, strict=True)):
        axes = zip(*(tensor.shape for tensor in column), strict=True)
        shape = [lengths[0] if len(set(lengths)) == 1 else None for lengths in axes]
        specs.append(tf.TensorSpec(shape, column[0].dtype, name=f"input_{i + 1}" if len(columns[0]) > 1 else "input"))
    return specs


# What AutoGraph, and TensorFlow on what AutoGraph made, raise where code becomes no graph. The code itself has been run before, on
# symbolic tensors and both ways at each branch, so it is not at fault.
NO_GRAPH = (PyCTError, NotImplementedError, TypeError, ValueError, NameError, RecursionError)


def with_control_flow(plan: LayerPlan, bound: Layer) -> Callable[..., Any]:
    """A forward whose `if`, `while` and `for` on tensors become nodes.

    Raises:
        NotPortableError: Its source cannot be found; or, when it is called, AutoGraph cannot turn it into a graph.
    """
    try:
        graph = _converted(type(plan.layer).forward)
    except (OSError, TypeError) as error:
        raise has_no_source(plan, "TensorFlow") from error
    except NO_GRAPH as error:
        raise becomes_no_graph(plan, "TensorFlow", error) from error

    def forward(*args: Any, **kwargs: Any) -> Any:
        try:
            return graph(bound, *args, **kwargs)
        except NO_GRAPH as error:
            if isinstance(error, UnidlError):
                raise
            raise becomes_no_graph(plan, "TensorFlow", error) from error

    return forward


@functools.cache
def _converted(forward: Callable[..., Any]) -> Callable[..., Any]:
    inspect.getsource(forward)
    asserts = tf.autograph.experimental.Feature.ASSERT_STATEMENTS
    return tf.autograph.to_graph(forward, experimental_optional_features=asserts)


class asked_nothing:  # noqa: N801  # used as `with asked_nothing()`
    """Inside, code of the user's that is no forward is traced: Python that asks whether a tensor is true gets a typed error."""

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: BaseException | None, *_: object) -> None:
        if isinstance(error, tf.errors.OperatorNotAllowedInGraphError):
            raise asked_in_a_graph(error, "TensorFlow") from error


# AutoGraph converts the user's code and leaves alone what bears this mark of its own: unidl's code needs no conversion
for _own in (Layer, op.Op, *(f for space in (Layer, ops) for f in vars(space).values() if inspect.isfunction(f))):
    setattr(_own, "autograph_info__", {})  # noqa: B010

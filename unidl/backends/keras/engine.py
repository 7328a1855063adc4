"""Keras itself, imported after its engine was chosen, and what differs from engine to engine."""

from unidl.backends import keras_engine as keras_engine  # isort: skip  (must run before Keras is imported)

import inspect
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from typing import Any

from unidl import distribution
from unidl.backends import registry
from unidl.backends.contract import Backend
from unidl.description.control_flow import asked_in_a_graph, becomes_no_graph, has_no_source
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.errors import BackendUnavailableError, UnidlError
from unidl.graph.node import map_nest

try:
    import keras as keras
except ModuleNotFoundError as error:  # Keras is there, or nobody would come here
    raise BackendUnavailableError(
        f"Backend 'keras' cannot run: its engine needs the package {error.name!r}, which is not installed.",
        expected=f"one of {', '.join(keras_engine.ENGINES)}, named by KERAS_BACKEND or keras.json, else the first installed",
        fix=f"Install an engine with Keras, for example:  {distribution.install('keras', 'torch')}\n"
        "Or set KERAS_BACKEND to one that is installed.",
    ) from error

ENGINE: str = keras.backend.backend()  # "tensorflow", "torch" or "jax": one a process

# whether keras.ops, and the layers written with it, take float64 for float32 where operands meet, as jax does
ROUNDS_FLOAT64: bool = keras.backend.result_type("float64", "float64") != "float64"

# What only an engine knows, and Keras has no name for. Gradients are in gradient.py, devices in device.py.
_engine: Any = sys.modules[ENGINE]  # imported by Keras

# what it raises on arguments that it cannot use; torch and jax derive their errors from Python's
ERRORS: tuple[type[Exception], ...] = (_engine.errors.OpError,) if ENGINE == "tensorflow" else ()


@cache
def own_backend() -> Backend | None:
    """The backend of the engine's name, where unidl has one: what it does quicker or exactly is done so here."""
    return registry.load(ENGINE) if ENGINE in registry.entries() else None


@contextmanager
def outside_graph() -> Iterator[None]:
    """Inside, variables are made outside the graph that is being traced."""
    if ENGINE != "tensorflow":
        yield
        return

    def unlifted(make: Callable[..., Any], **kwargs: Any) -> Any:
        # a tf.function in whose trace a variable is born the usual way is traced twice
        return make(**{**kwargs, "experimental_enable_variable_lifting": False})

    with _engine.init_scope(), _engine.variable_creator_scope(unlifted):
        yield


def without_gradient() -> AbstractContextManager[Any]:
    """Inside, no graph for gradients is kept."""
    return _engine.no_grad() if ENGINE == "torch" else nullcontext()


def runs_as_python() -> bool:
    """Whether `if` and `while` see values now: not while TensorFlow traces a graph."""
    return ENGINE != "tensorflow" or bool(_engine.executing_eagerly())


def with_control_flow(plan: LayerPlan, bound: Layer) -> Callable[..., Any]:
    """A forward whose `if`, `while` and `for` on tensors become nodes of TensorFlow's graph.

    Raises:
        NotPortableError: Its source cannot be found; or, when it is called, AutoGraph cannot turn it into a graph.
    """
    framework = "Keras' engine TensorFlow"
    # what AutoGraph, and TensorFlow on what AutoGraph made, raise; the code itself has been run before, on symbolic tensors
    no_graph = (sys.modules["tensorflow.python.autograph.pyct.errors"].PyCTError, *_NO_GRAPH)
    try:
        graph = _converted(type(bound).forward)
    except (OSError, TypeError) as error:
        raise has_no_source(plan, framework) from error
    except no_graph as error:
        raise becomes_no_graph(plan, framework, error) from error

    def forward(*args: Any, **kwargs: Any) -> Any:
        try:
            return graph(bound, *args, **kwargs)
        except no_graph as error:
            if isinstance(error, UnidlError):
                raise
            raise becomes_no_graph(plan, framework, error) from error

    return forward


_NO_GRAPH = (NotImplementedError, TypeError, ValueError, NameError, RecursionError)


@cache
def _converted(forward: Callable[..., Any]) -> Callable[..., Any]:
    inspect.getsource(forward)
    asserts = _engine.autograph.experimental.Feature.ASSERT_STATEMENTS
    converted: Callable[..., Any] = _engine.autograph.to_graph(forward, experimental_optional_features=asserts)
    return converted


def traced(function: Callable[..., Any], signature: Any, jit: bool) -> Callable[..., Any]:
    """The function as one TensorFlow graph for tensors of these specs."""
    specs = map_nest(lambda spec: _engine.TensorSpec(spec.shape, spec.dtype), signature)
    graph = _engine.function(function, input_signature=specs, autograph=False, jit_compile=jit)
    # Traced now and not by the first call: TensorFlow would count the first calls of several Trainers as one function's retracing.
    try:
        graph.get_concrete_function()
    except _engine.errors.OperatorNotAllowedInGraphError as error:
        raise asked_in_a_graph(error, "Keras' engine TensorFlow") from error
    made: Callable[..., Any] = graph
    return made


def flat(graph: Any) -> Callable[..., Any]:
    """A graph from `traced` whose arguments are all tensors: of TensorFlow's own that fit, without comparing them with its signature.

    That takes longer than a small graph. No gradient goes through it.
    """
    concrete = graph.get_concrete_function()
    held, own = list(concrete.captured_inputs), type(_engine.constant(0))

    def run(*tensors: Any) -> Any:
        if _engine.config.functions_run_eagerly() or not all(type(tensor) is own for tensor in tensors):
            return graph(*tensors)
        return concrete.inference_fn.call_preflattened([*tensors, *held])

    return run

"""Lowerings of unidl.ops.random: keras.random with one seed generator, whose state `random_state` in training.py writes for a while."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from unidl.backends.keras.deferred import deferred
from unidl.backends.keras.engine import keras, outside_graph
from unidl.backends.keras.ops.creation import lengths
from unidl.backends.keras.promotion import dtype_of
from unidl.graph.spec import is_float
from unidl.within import within

Tensor = Any


# a generator to draw from in place of the process'
_own: ContextVar[Any] = ContextVar("unidl_keras_generator", default=None)
_making = threading.Lock()
_process: list[Any] = []


def new_generator() -> Any:
    """A seed generator; its state is a Keras variable, (seed, draws so far), and its seed is by chance."""
    with outside_graph():
        return keras.random.SeedGenerator(secrets.randbits(31))


def generator() -> Any:
    """The seed generator that random ops draw from here: a run's own, or the process', made on first use."""
    own = _own.get()
    if own is not None:
        return own
    if not _process:
        with _making:
            if not _process:
                _process.append(new_generator())
    return _process[0]


def generator_of_process() -> Any:
    """The process' seed generator; None where nothing drew from it yet."""
    return _process[0] if _process else None


def drawn_from() -> Any:
    """The generator of a run that is drawn from here; None outside any."""
    return _own.get()


def drawing_from(own: Any) -> within[Any]:
    """Inside, random ops draw from that seed generator."""
    return within(_own, own)


def _form(shape: Any, dtype: str | None, like: Any) -> tuple[Any, str]:
    """The shape and dtype of a result."""
    kind = dtype or (dtype_of(like) if like is not None and is_float(dtype_of(like)) else "float32")
    return keras.ops.shape(like) if shape is None else lengths(shape), kind


def uniform(
    shape: Any = None, low: float = 0.0, high: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, kind = _form(shape, dtype, like)
    return keras.random.uniform(shape, low, high, kind, generator())


def normal(
    shape: Any = None, mean: float = 0.0, stddev: float = 1.0, dtype: str | None = None, like: Any = None
) -> Tensor:
    shape, kind = _form(shape, dtype, like)
    return keras.random.normal(shape, mean, stddev, kind, generator())


def randint(shape: Any = None, low: int = 0, high: int = 2, dtype: str | None = None, like: Any = None) -> Tensor:
    shape, kind = _form(shape, dtype or "int64", like)
    return keras.random.randint(shape, low, high, kind, generator())


def permutation(count: int, like: Any = None) -> Tensor:
    return keras.random.shuffle(keras.ops.arange(count, dtype="int64"), seed=generator())  # (count,)


TABLE: dict[str, Callable[..., Any]] = {
    "random_uniform": deferred("random_uniform")(uniform),
    "random_normal": deferred("random_normal")(normal),
    "random_randint": deferred("random_randint")(randint),
    "random_permutation": permutation,
}

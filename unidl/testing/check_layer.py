"""The proof that a layer computes the same on every backend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from unidl import arguments
from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.description.layer import Layer
from unidl.errors import ArgumentError, ConformanceError
from unidl.graph.node import map_nest
from unidl.settings import Choice
from unidl.testing.trial import SECOND, Numbers, Trial

# the largest difference from the definition in float64, relative to the largest number of the tensor (or to 1)
TOLERANCES = {"float32": 1e-5, "float64": 1e-10}


@dataclass(frozen=True)
class Proof:
    """One passed check.

    Args:
        backend: The backend.
        precision: The floating dtype.
        native: The class that ran the layer.
        way: "native" or "definition".
        reason: Why the definition, where it is one.
        difference: The largest difference from the definition in float64, relative to its tensor's largest number.
    """

    backend: str
    precision: str
    native: str
    way: str
    reason: str
    difference: float


@told_arguments
def check_layer(
    layer: Layer,
    *inputs: Any,
    backends: Sequence[str] | None = None,
    named: Mapping[str, Any] | None = None,
    options: Mapping[str, Any] | None = None,
    training: bool = True,
) -> list[Proof]:
    """Prove a layer: on each backend it computes what its definition computes in float64.

    Compared are outputs, gradients by every floating input and weight, gradients of these (a Hessian by a vector), states after a
    training step, and outputs for other batch sizes; float32 within 1e-5, float64 within 1e-10 of the tensor's largest number. Weights are drawn.

    Args:
        layer: The layer.
        *inputs: One for each positional input of forward: a shape with its batch axis, of which normal numbers are drawn, an
            array, or a nest of these in lists and dicts.
        backends: Their names; None is every installed one.
        named: Inputs that are passed by name, likewise.
        options: Plain arguments of forward.
        training: Whether to run it in training too. A layer that draws random numbers there cannot be compared.

    Returns:
        How each backend ran it, and how close it came.

    Raises:
        ConformanceError: A backend computes something else; it says what, and by how much.
        ArgumentError: The layer draws random numbers in training.

    Example:
        >>> import unidl
        >>> class Scale(unidl.Layer):
        ...     def setup(self, shape):
        ...         self.add_weight("gain", (shape[-1],), initializer="ones")
        ...     def forward(self, x):
        ...         return x * self.gain
        >>> proofs = unidl.testing.check_layer(Scale(), (4, 16))
        >>> all(proof.difference < 1e-5 for proof in proofs)
        True
    """
    arguments.instance("check_layer", "layer", layer, Layer, "a layer")
    arguments.flag("check_layer", "training", training)
    arguments.optional(arguments.mapping, "check_layer", "named", named)
    arguments.optional(arguments.mapping, "check_layer", "options", options)
    wanted = None if backends is None else arguments.texts("check_layer", "backends", backends)
    if wanted == ():
        raise arguments.refuse("check_layer", "backends", "a list of backends, or None for all", backends)
    for name in wanted or ():
        registry.check(Choice(name, "the argument backends="))
    generator = np.random.default_rng(0)

    def array(leaf: Any) -> Any:
        if isinstance(leaf, Shape):
            return generator.normal(size=leaf.lengths).astype("float32").astype("float64")
        return np.asarray(leaf)

    given = map_nest(array, tuple(_shapes(i) for i in inputs))
    by_name = {name: map_nest(array, _shapes(i)) for name, i in (named or {}).items()}
    trial = Trial(layer, given, by_name, options, training=training)
    if training and worst(trial.reference, trial.outcome(trial.build(registry.installed()[0], "float64", True)))[1] > 0:
        raise ArgumentError(
            f"{type(layer).__name__} draws random numbers in training, so its runs cannot be compared.",
            fix="check_layer(…, training=False) compares inference.",
        )
    return [
        check_trial(trial, backend, precision)
        for backend in (wanted or registry.installed())
        for precision in TOLERANCES
    ]


@dataclass(frozen=True)
class Shape:
    """A shape of which numbers are to be drawn."""

    lengths: tuple[int, ...]


def _shapes(nest: Any) -> Any:
    """A nest in which a tuple of integers is one shape."""
    if isinstance(nest, tuple) and all(isinstance(n, (int, float, str)) for n in nest):
        lengths = arguments.shape("check_layer", "an input's shape", nest)
        return Shape(tuple([length for length in lengths if length is not None]))
    if isinstance(nest, (list, tuple)):
        return type(nest)([_shapes(item) for item in nest])
    if isinstance(nest, dict):
        return {key: _shapes(item) for key, item in nest.items()}
    return nest


def check_trial(trial: Trial, backend: str, precision: str) -> Proof:
    """Compare one backend, in one precision, with the reference.

    Raises:
        ConformanceError: It computes something else.
    """
    model = trial.build(backend, precision)
    how = next(row for row in model.lowering() if row.path == "layer")
    title = f"{type(trial.layer).__name__} on {backend} in {precision} ({how.native}, by its {how.way})".replace(
        "by its native", "the framework's own"
    )
    _check_weights(trial, model.weights(), precision, title)
    found = trial.outcome(model)
    name, difference = worst(trial.reference, found, precision, title)
    tolerance = _within(found[name], precision)
    if not difference <= tolerance:  # NaN is no number within
        expected, received = trial.reference[name], found[name]
        place = _place(expected, received)
        raise ConformanceError(
            f"{title} differs from its definition in float64: {name}.",
            expected=f"{expected[place]:.10g} at {place}, within {tolerance:g} of the largest number "
            f"({np.max(np.abs(expected), initial=0.0):.3g})",
            received=f"{received[place]:.10g}, a difference of {difference:.3g}",
            fix="Let the lowering's `nested` say why: the definition then runs while a gradient is taken inside a gradient."
            if name.startswith(SECOND)
            else "Compare the lowering with the layer's forward; where they cannot agree, let `refuses` say why.",
        )
    return Proof(backend, precision, how.native, how.way, how.reason, difference)


def worst(expected: Numbers, received: Numbers, precision: str = "float64", title: str = "") -> tuple[str, float]:
    """The name of what differs most, and by how much; NaN differs from everything.

    Raises:
        ConformanceError: Something is missing, or has another shape or dtype.
    """
    if expected.keys() != received.keys():
        raise ConformanceError(
            f"{title} does not compute the same things.", expected=", ".join(expected), received=", ".join(received)
        )
    found = {}
    for name, right in expected.items():
        value = received[name]
        dtype = (
            np.dtype(precision) if right.dtype == np.float64 else right.dtype
        )  # a real function of integers is float32
        if value.shape != right.shape or value.dtype != dtype:
            raise ConformanceError(
                f"{title}: {name} is of another kind.",
                expected=f"{dtype} {right.shape}",
                received=f"{value.dtype} {value.shape}",
            )
        found[name] = _difference(right, value)

    def excess(name: str) -> float:
        return np.inf if np.isnan(found[name]) else found[name] / _within(received[name], precision)

    name = max(found, key=excess)
    return name, found[name]


def _within(received: np.ndarray, precision: str) -> float:
    """The largest difference that is allowed: of the dtype that it has."""
    return TOLERANCES.get(received.dtype.name, TOLERANCES[precision])


def _difference(expected: np.ndarray, received: np.ndarray) -> float:
    if expected.size == 0:
        return 0.0
    gap = np.abs(expected.astype("float64") - received.astype("float64"))
    return float(np.max(gap) / max(1.0, float(np.max(np.abs(expected.astype("float64"))))))


def _place(expected: np.ndarray, received: np.ndarray) -> tuple[int, ...]:
    gap = np.abs(expected.astype("float64") - received.astype("float64"))
    flat = int(np.argmax(np.where(np.isnan(gap), np.inf, gap)))
    return tuple(int(i) for i in np.unravel_index(flat, expected.shape))


def _check_weights(trial: Trial, read: Numbers, precision: str, title: str) -> None:
    """What was written to the native object must be read from it again, bit for bit."""
    for path, value in trial.weights.items():
        right = value.astype(precision) if value.dtype.kind == "f" else value
        if path not in read or not np.array_equal(right, read[path]):
            raise ConformanceError(
                f"{title}: the weight {path.partition('/')[2]!r} is not read back as it was written.",
                fix="The slot's view must be the canonical layout of the native tensor, both ways.",
            )

"""A trial: one layer on given inputs, run on any backend, and everything that it computes as arrays under readable names."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import nullcontext
from functools import cached_property
from typing import Any

import numpy as np

from unidl import ops
from unidl.backends import registry
from unidl.backends.lowering import definitions_only
from unidl.description.layer import Layer
from unidl.graph.node import leaves, map_nest
from unidl.models import Model

Numbers = dict[str, np.ndarray]


class Around(Model):
    """A model that is one layer, called on positional inputs, named inputs and plain arguments.

    Args:
        layer: The layer.
        names: Names of the last inputs, which are passed to the layer by name.
        options: Plain arguments of the layer's forward.
    """

    def __init__(self, layer: Layer, names: tuple[str, ...] = (), options: Mapping[str, Any] | None = None) -> None:
        self.layer = layer
        self.names = names
        self.options = dict(options or {})

    def forward(self, *inputs: Any) -> Any:
        """What the layer gives."""
        count = len(inputs) - len(self.names)
        return self.layer(*inputs[:count], **dict(zip(self.names, inputs[count:], strict=True)), **self.options)


class Trial:
    """One layer on given inputs. Weights and gradients' directions are drawn once, so that all backends compute the same.

    Args:
        layer: The layer; each run describes it anew.
        inputs: Arrays with the batch axis first, or nests of them, one for each positional input of forward.
        named: Arrays for inputs that are passed by name.
        options: Plain arguments of forward.
        weights: Weight name -> array, for those that are not to be drawn.
        training: Whether it is run in training too; a layer that draws random numbers cannot be compared there.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: tuple[Any, ...],
        named: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        weights: Mapping[str, Any] | None = None,
        training: bool = True,
    ) -> None:
        self.layer = layer
        self.inputs = (*inputs, *(named or {}).values())
        self.names = tuple(named or {})
        self.options = options
        self.given = dict(weights or {})
        self.training = training

    def describe(self) -> Around:
        """A fresh description of the model around the layer."""
        return Around(copy.deepcopy(self.layer), self.names, self.options)

    def build(self, backend: str, precision: str, definitions: bool = False) -> Model:
        """The model, built and with the trial's weights.

        Args:
            backend: The backend's name.
            precision: The floating dtype.
            definitions: Whether every layer runs by its definition, lowered nowhere.
        """
        model = self._built(backend, precision, definitions)
        model.set_weights(self.weights)
        return model

    def _built(self, backend: str, precision: str, definitions: bool) -> Model:
        with definitions_only() if definitions else nullcontext():
            return self.describe().build(*self.inputs, backend=backend, precision=precision)

    @cached_property
    def weights(self) -> Numbers:
        """Weight path -> value: the initial one, disturbed so that no bias is zero and no scale one; states as they start."""
        model = self._built(registry.installed()[0], "float64", True)
        slots, generator = model.trainable_slots(), np.random.default_rng(1)
        found = {}
        for path, value in model.weights().items():
            drawn = value + generator.normal(0.0, 0.1, value.shape) if path in slots else value
            found[path] = (
                np.asarray(self.given.get(path.rpartition("/")[2], drawn)).astype("float32").astype(value.dtype)
            )
        return found

    @cached_property
    def reference(self) -> Numbers:
        """What the definition computes in float64, on the first installed backend."""
        return self.outcome(self.build(registry.installed()[0], "float64", definitions=True))

    # -- what is computed ------------------------------------------------------------------------------------------------

    def outcome(self, model: Model) -> Numbers:
        """Everything that the model computes: outputs, gradients, states, and outputs for other batch sizes."""
        found = self._outputs(model, self.inputs, "output")
        outputs = list(found.values())
        for size, inputs in self._other_batches():
            found |= self._outputs(model, inputs, f"output for a batch of {size}")
        if self.training:
            found |= self._gradients(model, outputs)
            states = {path: value for path, value in model.weights().items() if path not in model.trainable_slots()}
            found |= {
                f"state {path.partition('/')[2]!r} after a training step": value for path, value in states.items()
            }
            if states:
                found |= self._outputs(model, self.inputs, "output after a training step")
        return found

    @staticmethod
    def _outputs(model: Model, inputs: tuple[Any, ...], name: str) -> Numbers:
        backend = registry.load(model.backend)
        outputs = leaves(model(*inputs, training=False))
        return {f"{name} {i}": backend.to_numpy(y) for i, y in enumerate(outputs) if y is not None}

    def _other_batches(self) -> list[tuple[int, tuple[Any, ...]]]:
        arrays = [leaf for leaf in leaves(self.inputs) if np.ndim(leaf)]
        size = max(len(a) for a in arrays)

        def resized(indices: np.ndarray) -> tuple[Any, ...]:
            # an axis of length 1 beside longer ones is repeated by the layer itself
            changed: tuple[Any, ...] = map_nest(
                lambda a: np.asarray(a)[indices] if np.ndim(a) and len(a) == size else a, self.inputs
            )
            return changed

        more = np.arange(size + 2) % size
        return [(1, resized(np.array([0]))), (len(more), resized(more))]

    def _gradients(self, model: Model, outputs: list[np.ndarray]) -> Numbers:
        """Of the sum of all outputs, each element with a weight of its own: by every floating input and every weight."""
        backend, device = registry.load(model.backend), model.device
        generator = np.random.default_rng(2)
        shares = [generator.normal(size=y.shape) for y in outputs]

        def tensor(array: Any) -> Any:
            array = np.asarray(array)
            return backend.to_tensor(array, dtype=model.precision if array.dtype.kind == "f" else None, device=device)

        inputs = map_nest(tensor, self.inputs)
        floating = [
            t for t, a in zip(leaves(inputs), leaves(self.inputs), strict=True) if np.asarray(a).dtype.kind == "f"
        ]
        slots = model.trainable_slots()
        natives = list({id(slot.native): slot.native for slot in slots.values()}.values())
        if not floating and not natives:
            return {}

        def total(*given: Any) -> Any:
            results = [y for y in leaves(model(*given, training=True)) if y is not None]
            parts = [
                ops.sum(y * tensor(share))
                for y, share, known in zip(results, shares, outputs, strict=True)
                if known.dtype.kind == "f"
            ]
            value = parts[0]
            for part in parts[1:]:
                value = value + part
            return value

        value, gradients = backend.value_and_grad(total, inputs, {}, [*floating, *natives])
        found = {"weighted sum of the outputs in training": backend.to_numpy(value)}
        for i, gradient in enumerate(gradients[: len(floating)]):
            found[f"gradient by floating input {i}"] = backend.to_numpy(gradient)
        by_native = {id(native): g for native, g in zip(natives, gradients[len(floating) :], strict=True)}
        for path, slot in slots.items():
            name = path.partition("/")[2]
            found[f"gradient by weight {name!r}"] = backend.to_numpy(slot.view(by_native[id(slot.native)]))
        return found

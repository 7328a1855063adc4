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
        second: Whether second derivatives are taken.
    """

    def __init__(
        self,
        layer: Layer,
        inputs: tuple[Any, ...],
        named: Mapping[str, Any] | None = None,
        options: Mapping[str, Any] | None = None,
        weights: Mapping[str, Any] | None = None,
        training: bool = True,
        second: bool = True,
    ) -> None:
        self.layer = layer
        self.inputs = (*inputs, *(named or {}).values())
        self.names = tuple(named or {})
        self.options = options
        self.given = dict(weights or {})
        self.training = training
        self.second = second

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

    @cached_property
    def _has_modes(self) -> bool:
        """Whether training is computed otherwise than inference."""
        plan = self._built(registry.installed()[0], "float64", True)._need_built().plan
        return any(part.reads_training for part in plan.walk())

    # -- what is computed ------------------------------------------------------------------------------------------------

    def outcome(self, model: Model) -> Numbers:
        """Everything that the model computes: outputs, gradients, states, and outputs for other batch sizes."""
        found = self._outputs(model, self.inputs, "output")
        outputs = list(found.values())
        for size, inputs in self._other_batches():
            found |= self._outputs(model, inputs, f"output for a batch of {size}")
        if self.training:
            found |= self._gradients(model, outputs, True)
            states = {path: value for path, value in model.weights().items() if path not in model.trainable_slots()}
            found |= {
                f"state {path.partition('/')[2]!r} after a training step": value for path, value in states.items()
            }
            if states:
                found |= self._outputs(model, self.inputs, "output after a training step")
            found |= self._second(model, outputs, True) if self.second else {}
        if not self.training or self._has_modes:
            found |= self._gradients(model, outputs, False)
            found |= self._second(model, outputs, False) if self.second else {}
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

    def _gradients(self, model: Model, outputs: list[np.ndarray], training: bool) -> Numbers:
        """Of the sum of all outputs, each element with a weight of its own: by every floating input and every weight."""
        total = _Total(self.inputs, model, outputs, training)
        if not total.wanted:
            return {}
        value, gradients = total.value_and_grad()
        mode = "" if training else " in inference"
        return {
            f"weighted sum of the outputs in {'training' if training else 'inference'}": value,
            **{f"gradient by {name}{mode}": gradient for name, gradient in gradients.items()},
        }

    def _second(self, model: Model, outputs: list[np.ndarray], training: bool) -> Numbers:
        """Of the sum of that gradient's elements, each with a weight of its own: a product of the Hessian with a vector."""
        total = _Total(self.inputs, model, outputs, training)
        mode = "" if training else " in inference"
        return {f"{SECOND} by {name}{mode}": value for name, value in total.second().items()}


SECOND = "second derivative"


class _Total:
    """A weighted sum of a model's outputs, and its derivatives by every floating input and every weight.

    Args:
        arrays: The inputs.
        model: The built model.
        outputs: What it computes of them.
        training: In which mode it runs.
    """

    def __init__(self, arrays: tuple[Any, ...], model: Model, outputs: list[np.ndarray], training: bool) -> None:
        self.model, self.training = model, training
        self.backend = registry.load(model.backend)
        generator = np.random.default_rng(2)
        self.shares = [self._tensor(generator.normal(size=y.shape)) if y.dtype.kind == "f" else None for y in outputs]
        self.inputs = map_nest(self._tensor, arrays)
        self.floating = [i for i, a in enumerate(leaves(arrays)) if np.asarray(a).dtype.kind == "f"]
        self.slots = model.trainable_slots()
        # several weights may be parts of one native tensor
        self.natives = {id(slot.native): slot.native for slot in self.slots.values()}
        self.wanted = self._wanted(self.inputs)

    def _tensor(self, array: Any) -> Any:
        array = np.asarray(array)
        dtype = self.model.precision if array.dtype.kind == "f" else None
        return self.backend.to_tensor(array, dtype=dtype, device=self.model.device)

    def _wanted(self, inputs: tuple[Any, ...]) -> list[Any]:
        tensors = list(leaves(inputs))
        return [*[tensors[i] for i in self.floating], *self.natives.values()]

    def _sum(self, *inputs: Any) -> Any:
        results = [y for y in leaves(self.model(*inputs, training=self.training)) if y is not None]
        return _added([ops.sum(y * share) for y, share in zip(results, self.shares, strict=True) if share is not None])

    def value_and_grad(self) -> tuple[np.ndarray, Numbers]:
        """The sum and its gradients."""
        value, gradients = self.backend.value_and_grad(self._sum, self.inputs, {}, self.wanted)
        return self.backend.to_numpy(value), self._named(gradients)

    def second(self) -> Numbers:
        """The gradients of a weighted sum of the gradients; nothing where there are none."""
        if not self.wanted:
            return {}
        generator = np.random.default_rng(3)
        shares = [
            self._tensor(generator.normal(size=tuple(self.backend.to_numpy(w).shape)))
            for w in self._canonical(self.wanted)
        ]

        def along(*inputs: Any) -> Any:
            _, gradients = self.backend.value_and_grad(self._sum, inputs, {}, self._wanted(inputs))
            return _added([ops.sum(g * share) for g, share in zip(self._canonical(gradients), shares, strict=True)])

        _, gradients = self.backend.value_and_grad(along, self.inputs, {}, self.wanted)
        return self._named(gradients)

    def _canonical(self, tensors: list[Any]) -> list[Any]:
        """One tensor for each floating input and each weight, in canonical layout."""
        by_native = dict(zip(self.natives, tensors[len(self.floating) :], strict=True))
        return [
            *tensors[: len(self.floating)],
            *[slot.view(by_native[id(slot.native)]) for slot in self.slots.values()],
        ]

    def _named(self, tensors: list[Any]) -> Numbers:
        names = [f"floating input {i}" for i in range(len(self.floating))]
        names += [f"weight {path.partition('/')[2]!r}" for path in self.slots]
        return {
            name: self.backend.to_numpy(tensor) for name, tensor in zip(names, self._canonical(tensors), strict=True)
        }


def _added(parts: list[Any]) -> Any:
    value = parts[0]
    for part in parts[1:]:
        value = value + part
    return value

"""What a case is: a layer, its inputs, and where it differs from its layer's usual way."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import unidl
from tests.conformance.ways import WAYS

ENGINE = os.environ.get("KERAS_BACKEND", "tensorflow")


@dataclass(frozen=True)
class Case:
    """One line of the list.

    Args:
        name: What is special about it.
        layer: The layer.
        inputs: Arrays with the batch axis first.
        named: Inputs by name.
        options: Plain arguments of forward.
        weights: Weights that are not to be drawn.
        training: Whether it can be compared in training.
        second: Whether second derivatives are compared: not at a kink of the first, where each backend takes one side's, and not in
            each of many cases whose loops TensorFlow traces for seconds.
        ways: Where it runs otherwise than its layer usually does.
    """

    name: str
    layer: Any
    inputs: tuple[Any, ...]
    named: Mapping[str, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: Mapping[str, Any] = field(default_factory=dict)
    training: bool = True
    second: bool = True
    ways: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        """Its layer and its name."""
        return f"{type(self.layer).__name__}: {self.name}"

    def way(self, backend: str, precision: str, engine: str = ENGINE) -> str:
        """How it is to run: the framework's class, or the reason for the definition."""
        if backend == "keras" and engine == "torch" and precision == "float64":
            return "Keras' layers compute in float32 on the engine torch"
        keys = [f"{backend} {precision}", backend]
        if backend == "keras":
            keys = [f"keras on {engine} {precision}", f"keras on {engine}", *keys]
        usual = WAYS.get(type(self.layer), {})
        for ways in (self.ways, usual):
            for key in keys:
                if key in ways:
                    return ways[key]
        return f"{backend} has no lowering of {type(self.layer).__name__}"


def trial(case: Case) -> unidl.testing.Trial:
    """The case, ready to run."""
    return unidl.testing.Trial(
        case.layer,
        case.inputs,
        case.named,
        case.options,
        weights=case.weights,
        training=case.training,
        second=case.second,
    )

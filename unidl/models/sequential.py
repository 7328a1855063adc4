"""Sequential: one layer after another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.backends import registry
from unidl.description.layer import Layer
from unidl.errors import ArgumentError
from unidl.graph.tensor import SymbolicTensor
from unidl.models.functional import _names, exchanged
from unidl.models.model import Model


class Sequential(Model):
    """A model that calls its layers one after another.

    Args:
        layers: The layers (models are layers too); an `unidl.Input` may stand first.

    Raises:
        ArgumentError: There is no layer, or something in the list is none.

    Example:
        >>> import unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(64, activation="relu"), unidl.layers.Dense(10)])
        >>> m.output_shape((None, 784))
        (None, 10)
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        if isinstance(layers, Layer) or not isinstance(layers, (list, tuple)):
            raise ArgumentError(
                "Sequential takes its layers in one list.",
                expected="Sequential([layers.Dense(64), layers.Dense(10)])",
                received=repr(layers),
            )
        given = list(layers)
        self._input = given.pop(0) if given and isinstance(given[0], SymbolicTensor) else None
        for position, layer in enumerate(given):
            if isinstance(layer, type) and issubclass(layer, Layer):
                raise ArgumentError(
                    f"Sequential: item {position + 1} is the class {layer.__name__}.",
                    fix=f"Call it: {layer.__name__}(…).",
                )
            if not isinstance(layer, Layer):
                raise ArgumentError(
                    f"Sequential: item {position + 1} is no layer.",
                    expected="a layer or model",
                    received=repr(layer),
                    fix="A module of a framework cannot stand in a description; describe it with unidl.layers."
                    if registry.owner_of(layer)
                    else 'A function is a layer with layers.Activation("relu"), or with a Layer subclass whose forward calls it.',
                )
        if not given:
            raise ArgumentError("Sequential needs at least one layer.", received=repr(layers))
        self._named = _names(given)
        keys = {id(layer): key for key, layer in self._named.items()}
        self._order = [keys[id(layer)] for layer in given]

    def sublayers(self) -> dict[str, Layer]:
        """The layers, by explicit name, else by class and position: conv2d, conv2d_2, dense."""
        return dict(self._named)

    def exchange_sublayer(self, key: str, layer: Layer) -> Layer:
        """Put a layer under a name and return the one that was there."""
        old, self._named = exchanged(self._named, key, layer)
        given = [] if self._input is None else [self._input]
        self._unidl.arguments["layers"] = [*given, *(self._named[key] for key in self._order)]
        return old

    def inputs(self) -> tuple[Any, ...]:
        """The Input that stood first, if one did."""
        return () if self._input is None else (self._input,)

    def forward(self, x: Any) -> Any:
        """Each layer's output is the next one's input."""
        for key in self._order:
            x = getattr(self, key)(x)
        return x

"""A layer of a built model as a model of its own: what it costs is measured there."""

from __future__ import annotations

from typing import Any

from unidl.description.layer import Layer
from unidl.description.plan import Call
from unidl.graph.node import map_nest
from unidl.graph.tensor import SymbolicTensor
from unidl.models import Model
from unidl.models.build import Built, build
from unidl.ops.op import running


class LoneLayer(Model):
    """A layer, called as it is in a call of its model; it runs the same native object.

    Args:
        layer: The layer, of a model that is built.
    """

    def __init__(self, layer: Layer) -> None:
        self.layer = layer

    def forward(self, *inputs: Any, **named: Any) -> Any:
        """What the layer gives."""
        return self.layer(*inputs, **named)

    @classmethod
    def of(cls, model: Model, layer: Layer, call: Call) -> LoneLayer:
        """Built for the inputs of one call; the model itself stays what it is."""
        if layer is model:
            raise ValueError("the model itself needs no model around it")
        alone: LoneLayer = cls(layer)
        like = model._need_built()

        def spec(leaf: Any) -> Any:
            return leaf.spec if isinstance(leaf, SymbolicTensor) else leaf

        args, kwargs = map_nest(spec, (call.args, call.kwargs))
        build(
            alone, args, kwargs, backend=like.backend.NAME, device=like.device_name, precision=like.precision,
            seed=like.seed, random=like.random,
        )  # fmt: skip
        return alone

    def run(self, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool = False) -> Any:
        """Call it on native tensors."""
        return run(self._need_built(), args, kwargs, training)


def run(built: Built, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    """Call a built model's native object on native tensors, past its door."""
    with running(built.backend):
        return built.backend.run(built.native, args, kwargs, training)

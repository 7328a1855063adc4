"""What a model was built for, and what weights it has, as specs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from unidl.description.plan import LayerPlan
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec
from unidl.models.build import weight_path

if TYPE_CHECKING:
    from unidl.models.build import Built


def inputs_of(built: Built) -> tuple[Any, Any]:
    """The specs, or nests of specs, of what a model was built for: in order, and by name."""
    call = built.plan.calls[0]
    inputs, named = map_nest(lambda leaf: getattr(leaf, "spec", leaf), (call.args, call.kwargs))
    return inputs, named


def weight_specs(plan: LayerPlan) -> dict[str, TensorSpec]:
    """Path -> shape and dtype of every weight."""
    return {weight_path(p, n): TensorSpec(w.shape, w.dtype) for p in plan.walk() for n, w in p.weights.items()}

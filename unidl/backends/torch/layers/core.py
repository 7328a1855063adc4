"""Dense, Embedding, Dropout, Flatten: torch's own modules."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from unidl.backends.lowering import Lowering, always, by_definition, refuses_integers
from unidl.backends.torch.direct import Activation, instead_of
from unidl.backends.torch.weight import Slot, transposed
from unidl.description.plan import LayerPlan
from unidl.graph.node import symbols
from unidl.layers import Dense, Dropout, Embedding, Flatten, Layer, Reshape


def dtype_of(plan: LayerPlan) -> torch.dtype:
    """The floating dtype in which a layer is to be made."""
    return getattr(torch, plan.dtype)


def call_module(layer: Layer, module: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """A module that takes and gives what the layer does."""
    return module(x)


# -- Dense -------------------------------------------------------------------------------------------------------------------


def make_dense(plan: LayerPlan) -> nn.Linear:
    """kernel (inputs, units) -> weight (units, inputs)."""
    inputs, units = plan.weights["kernel"].shape
    return nn.Linear(inputs, units, bias="bias" in plan.weights, dtype=dtype_of(plan))


def call_dense(layer: Dense, module: nn.Linear, x: torch.Tensor) -> torch.Tensor:
    """(batch, ..., inputs) -> (batch, ..., units)."""
    return layer.activation(module(x))


@instead_of(call_dense, nn.Linear, parameters=2)
def dense(layer: Dense, module: nn.Linear, within: Activation | None, x: torch.Tensor) -> torch.Tensor:
    own = module._parameters
    y = functional.linear(x, own["weight"], own["bias"])  # type: ignore[arg-type]
    return y if within is None else within(y)


def dense_slots(plan: LayerPlan, module: nn.Linear) -> dict[str, Slot]:
    """The kernel is the weight's transpose."""
    slots = {"kernel": Slot(module, "weight", transposed)}
    if "bias" in plan.weights:
        slots["bias"] = Slot(module, "bias")
    return slots


# -- Embedding ---------------------------------------------------------------------------------------------------------------


_PLACES = (torch.int32, torch.int64)  # what torch looks up


def make_embedding(plan: LayerPlan) -> nn.Embedding:
    """embeddings (input_dim, output_dim), as torch has them."""
    return nn.Embedding(*plan.weights["embeddings"].shape, dtype=dtype_of(plan))


def call_embedding(layer: Embedding, module: nn.Embedding, x: torch.Tensor) -> torch.Tensor:
    """(batch, ...) -> (batch, ..., output_dim)."""
    return module(x if x.dtype in _PLACES else x.long())


@instead_of(call_embedding, nn.Embedding, parameters=1)
def embedding(layer: Embedding, module: nn.Embedding, within: None, x: torch.Tensor) -> torch.Tensor:
    if module.padding_idx is not None or module.max_norm is not None:
        return call_embedding(layer, module, x)
    places = x if x.dtype in _PLACES else x.long()
    return torch.embedding(module._parameters["weight"], places, -1, module.scale_grad_by_freq, module.sparse)  # type: ignore[arg-type]


def embedding_slots(plan: LayerPlan, module: nn.Embedding) -> dict[str, Slot]:
    """One matrix."""
    return {"embeddings": Slot(module, "weight")}


# -- Dropout, Flatten --------------------------------------------------------------------------------------------------------


def make_dropout(plan: LayerPlan) -> nn.Dropout:
    """The same rate."""
    layer: Dropout = plan.layer  # type: ignore[assignment]
    return nn.Dropout(layer.rate)


def refuses_flatten(plan: LayerPlan) -> str | None:
    """torch wants something to flatten."""
    if any(len(tensor.shape) == 1 for call in plan.calls for tensor in symbols(call.args)):
        return "torch.nn.Flatten needs an axis beside the batch axis"
    return None


def make_flatten(plan: LayerPlan) -> nn.Flatten:
    """Of channels-last data, so the order is the layer's."""
    return nn.Flatten()


def call_flatten(layer: Flatten, module: nn.Flatten, x: torch.Tensor) -> torch.Tensor:
    """(batch, ...) -> (batch, features)."""
    return module(x)


@instead_of(call_flatten, nn.Flatten, parameters=0)
def flatten(layer: Flatten, module: nn.Flatten, within: None, x: torch.Tensor) -> torch.Tensor:
    return x.flatten(module.start_dim, module.end_dim)


TABLE: dict[type, Lowering] = {
    Dense: Lowering(make_dense, call_dense, dense_slots, refuses_integers, keeps=always),
    Embedding: Lowering(make_embedding, call_embedding, embedding_slots),
    Dropout: Lowering(make_dropout, call_module),
    Flatten: Lowering(make_flatten, call_flatten, refuses=refuses_flatten),
    Reshape: by_definition("torch has no module that reshapes all axes"),
}

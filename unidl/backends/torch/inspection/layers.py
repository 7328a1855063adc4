"""The tree of modules: torch's own classes, and the adapters that run definitions."""

from __future__ import annotations

from typing import Any

from torch import nn

from unidl.backends.torch.module import Adapter
from unidl.backends.torch.program import lowered
from unidl.description.plan import LayerPlan
from unidl.inspection.graph import Graph
from unidl.inspection.layers import layers_graph
from unidl.inspection.program import Program

NOTE = (
    "torch keeps the modules and their parameters, and no connection between them: the arrows are the description's. What runs, "
    "and in which order, Python decides at each call."
)


def layers(program: Program) -> Graph:
    """The graph "layers"."""
    names = {id(module): name for name, module in program.native.named_modules()}

    def described(plan: LayerPlan, native: Any) -> tuple[str, dict[str, Any]]:
        way = lowered(plan, native)
        return way.native, {
            "module": names.get(id(native), ""),  # as in model.native.named_modules()
            "way": way.way,
            "reason": way.reason,
            "parameters": {name: list(t.shape) for name, t in _own(native, "parameters")},
            "buffers": {name: list(t.shape) for name, t in _own(native, "buffers")},
            "frozen": bool(getattr(native, "unidl_frozen", False)),
            "arguments": native.extra_repr(),
        }

    return layers_graph(program.plan, program.natives, "torch: the modules of model.native", described, NOTE)


def _own(native: nn.Module, kind: str) -> list[tuple[str, Any]]:
    """Its own, and for a module of torch's those of its parts too."""
    deep = not isinstance(native, Adapter)
    if kind == "parameters":
        return list(native.named_parameters(recurse=deep))
    return [(name, t) for name, t in native.named_buffers(recurse=deep) if name != "random_state"]

"""Names for a model's output tensors, as its exports call them."""

from __future__ import annotations

from unidl.description.plan import LayerPlan
from unidl.errors import ExportError
from unidl.graph.node import leaves


def output_names(plan: LayerPlan) -> list[str]:
    """One for each tensor: a dict's keys, else "output", "output_2" and so on.

    Raises:
        ExportError: An output is None.
    """
    outputs = plan.calls[0].outputs
    if any(leaf is None for leaf in leaves(outputs)):
        raise ExportError(
            f"{plan.title} cannot be exported: one of its outputs is None.", fix="Leave it out of what forward returns."
        )
    if isinstance(outputs, dict) and not any(isinstance(value, (list, tuple, dict)) for value in outputs.values()):
        return [str(key) for key in outputs]
    return ["output" if i == 0 else f"output_{i + 1}" for i, _ in enumerate(leaves(outputs))]

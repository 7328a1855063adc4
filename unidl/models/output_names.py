"""Names for a model's output tensors, as its exports call them."""

from __future__ import annotations

from collections.abc import Iterable

from unidl.description.plan import LayerPlan
from unidl.errors import ExportError
from unidl.graph.node import leaves
from unidl.models.input_names import numbered


def output_names(plan: LayerPlan, taken: Iterable[str] = ()) -> list[str]:
    """One for each tensor: a dict's keys, else "output", "output_2" and so on.

    Args:
        plan: The model's.
        taken: Names that may not be used; a number is put behind one that is.

    Raises:
        ExportError: An output is None.
    """
    outputs = plan.calls[0].outputs
    if any(leaf is None for leaf in leaves(outputs)):
        raise ExportError(
            f"{plan.title} cannot be exported: one of its outputs is None.", fix="Leave it out of what forward returns."
        )
    if isinstance(outputs, dict) and not any(isinstance(value, (list, tuple, dict)) for value in outputs.values()):
        return numbered((str(key) or "output" for key in outputs), taken)
    return numbered(("output" for _ in leaves(outputs)), taken)

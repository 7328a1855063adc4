"""What one layer costs."""

from __future__ import annotations

from dataclasses import dataclass

from unidl.inspection.timing import Timing


@dataclass(frozen=True)
class LayerCost:
    """One layer of the model, for one call with one batch.

    Args:
        path: Its structural path, "" for the model itself.
        layer: Its class.
        native: The framework's class that runs it.
        way: "native" or "definition".
        output_shapes: For this batch.
        parameters: Numbers in its own trainable weights.
        states: Numbers in its own other weights.
        flops: Floating-point operations of its forward for this batch (a multiply-add counts as two), what lies below it included; None where
            an op in it has no count, which `uncounted` names.
        uncounted: Ops without a count.
        activation_bytes: Memory of the tensors that its forward gives out for this batch.
        forward: Seconds of its forward; None where it was not measured.
        backward: Seconds of its backward; None where it has none or was not measured.
    """

    path: str
    layer: str
    native: str
    way: str
    output_shapes: tuple[tuple[int, ...], ...]
    parameters: int
    states: int
    flops: int | None
    uncounted: tuple[str, ...] = ()
    activation_bytes: int = 0
    forward: Timing | None = None
    backward: Timing | None = None

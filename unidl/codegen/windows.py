"""Convolution kernels as TensorFlow and Keras write them alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unidl.codegen.calls import call
from unidl.codegen.code import Code, Value


def dilated(prefix: str, kernel: Value, dilation: Sequence[int]) -> Any:
    """The kernel with zeros between its taps, as `unidl.ops.convolution.dilated` spreads them.

    Args:
        prefix: Of the framework's functions, "tf" or "ops".
        kernel: (*window, filters, channels).
        dilation: One number for each axis of the window.
    """
    code: Any = kernel
    lengths = [int(n) for n in kernel.shape if n is not None]
    for axis, step in enumerate(dilation):
        taps = lengths[axis]
        if step == 1 or taps == 1:
            continue
        pads = [[0, 0] for _ in range(len(lengths) + 1)]
        pads[axis + 1][1] = step - 1
        apart = call(f"{prefix}.pad", call(f"{prefix}.expand_dims", code, axis + 1), pads)
        lengths[axis] = taps * step
        spread = call(f"{prefix}.reshape", apart, list(lengths))
        lengths[axis] = (taps - 1) * step + 1
        code = Code(f"{spread}[{':, ' * axis}:{lengths[axis]}]", names=spread.names)
    return code

"""Every op that PyTorch supplies, by its neutral name; one file a family."""

from collections.abc import Callable
from typing import Any

from unidl.backends.torch.ops import (
    activation,
    arithmetic,
    bitwise,
    comparison,
    control,
    convolution,
    creation,
    indexing,
    linear_algebra,
    loss,
    manipulation,
    philox,
    pooling,
    random,
    reduction,
    sorting,
)

OPS: dict[str, Callable[..., Any]] = {
    **arithmetic.TABLE,
    **bitwise.TABLE,
    **comparison.TABLE,
    **activation.TABLE,
    **reduction.TABLE,
    **linear_algebra.TABLE,
    **loss.TABLE,
    **creation.TABLE,
    **philox.TABLE,
    **random.TABLE,
    **manipulation.TABLE,
    **indexing.TABLE,
    **sorting.TABLE,
    **convolution.TABLE,
    **pooling.TABLE,
    **control.TABLE,
}

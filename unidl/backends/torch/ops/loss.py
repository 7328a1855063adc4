"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from unidl.backends.torch.promotion import reals

Tensor: TypeAlias = torch.Tensor


def softmax_cross_entropy(logits: Any, labels: Any) -> Tensor:
    (logits,) = reals(logits)
    if logits.dim() == 2:
        return functional.cross_entropy(logits, labels.long(), reduction="none")  # (batch,)
    rows = logits.reshape(-1, logits.shape[-1])  # (places, classes)
    return functional.cross_entropy(rows, labels.reshape(-1).long(), reduction="none").reshape(labels.shape)


TABLE: dict[str, Callable[..., Any]] = {"softmax_cross_entropy": softmax_cross_entropy}

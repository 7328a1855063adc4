"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from unidl.backends.torch.promotion import reals

Tensor: TypeAlias = torch.Tensor


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False) -> Tensor:
    (logits,) = reals(logits)
    reduction = "mean" if mean else "none"
    if logits.dim() == 2:
        return functional.cross_entropy(logits, labels.long(), reduction=reduction)  # (batch,), or a scalar
    rows = logits.reshape(-1, logits.shape[-1])  # (places, classes)
    loss = functional.cross_entropy(rows, labels.reshape(-1).long(), reduction=reduction)
    return loss if mean else loss.reshape(labels.shape)


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    predictions, targets = reals(predictions, targets)
    if getattr(predictions, "shape", None) != getattr(targets, "shape", None):
        return (predictions - targets).square().mean()  # torch's loss warns where it broadcasts
    return functional.mse_loss(predictions, targets)


TABLE: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "mean_squared_error": mean_squared_error,
}

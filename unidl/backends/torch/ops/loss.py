"""Lowerings of unidl.ops.loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch.nn import functional

from unidl.backends.torch.promotion import reals
from unidl.ops.loss import want_labels, want_one_shape
from unidl.targets.labels import find, outside_classes

Tensor: TypeAlias = torch.Tensor

# torch's kernels leave out one label whether or not anybody asks; no label is this
_NONE = -(2**62) - 12345


def softmax_cross_entropy(logits: Any, labels: Any, mean: bool = False, ignore_index: int | None = None) -> Tensor:
    want_labels("softmax_cross_entropy", logits, labels)
    return _picked(functional.cross_entropy, logits, labels, mean, ignore_index)


def negative_log_likelihood(log_probabilities: Any, labels: Any, ignore_index: int | None = None) -> Tensor:
    want_labels("negative_log_likelihood", log_probabilities, labels)
    return _picked(functional.nll_loss, log_probabilities, labels, False, ignore_index)


def _picked(kernel: Callable[..., Tensor], scores: Any, labels: Any, mean: bool, ignore_index: int | None) -> Tensor:
    """torch's kernel, whose own look at the labels costs nothing on a CPU; elsewhere it would end the process."""
    (scores,) = reals(scores)
    chosen = labels.long()
    if scores.dim() != 2:
        scores, chosen = scores.reshape(-1, scores.shape[-1]), chosen.reshape(-1)  # (positions, classes), (positions,)
    left_out = _NONE if ignore_index is None else ignore_index
    reduction = "none" if not mean else "mean" if ignore_index is None else "sum"
    outside = None
    if chosen.device.type != "cpu":
        outside = ((chosen < 0) | (chosen >= scores.shape[-1])) & (chosen != left_out)
        chosen = chosen.masked_fill(outside, 0)
    try:
        loss = kernel(scores, chosen, ignore_index=left_out, reduction=reduction)  # (positions,), or a scalar
    except IndexError as error:
        found = find(labels.numpy(), scores.shape[-1], ignore_index)
        if found is None:
            raise
        raise outside_classes("Cross-entropy", *found, scores.shape[-1], ignore_index) from error
    if outside is not None:  # no wait for the device: it shows in the loss
        loss = loss + torch.where(outside.any() if mean else outside, torch.nan, 0.0)
    if mean:
        return loss if ignore_index is None else loss / (chosen != left_out).sum().clamp(min=1)
    return loss.reshape(labels.shape)


def sigmoid_cross_entropy(logits: Any, targets: Any, mean: bool = False) -> Tensor:
    want_one_shape("sigmoid_cross_entropy", logits, targets)
    logits, targets = _filled(*reals(logits, targets))
    return functional.binary_cross_entropy_with_logits(logits, targets, reduction="mean" if mean else "none")


def mean_squared_error(predictions: Any, targets: Any) -> Tensor:
    want_one_shape("mean_squared_error", predictions, targets)
    return functional.mse_loss(*_filled(*reals(predictions, targets)))


def _filled(one: Any, other: Any) -> tuple[Tensor, Tensor]:
    """Two tensors; a number in place of one becomes one of the other's shape."""
    if isinstance(one, torch.Tensor) and isinstance(other, torch.Tensor):
        return one, other
    if isinstance(one, torch.Tensor):
        return one, torch.full_like(one, other)
    return torch.full_like(other, one), other


TABLE: dict[str, Callable[..., Any]] = {
    "softmax_cross_entropy": softmax_cross_entropy,
    "negative_log_likelihood": negative_log_likelihood,
    "sigmoid_cross_entropy": sigmoid_cross_entropy,
    "mean_squared_error": mean_squared_error,
}

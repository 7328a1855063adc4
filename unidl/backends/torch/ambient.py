"""Contexts and settings of torch that stand around what unidl computes."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.utils import parametrize

from unidl.access import mark_forked
from unidl.backends.contract import Purpose
from unidl.errors import ContextError, ForkError


def _after_fork() -> None:
    """In the child of a fork torch's threads are missing: one is left, as in the workers of a DataLoader; devices are lost."""
    if torch.get_num_threads() > 1:
        torch.set_num_threads(1)  # a kernel in parallel would wait for the others forever
    if torch.cuda._is_in_bad_fork():
        mark_forked()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


def is_disturbed() -> bool:
    """Whether there is anything to look at; asked at each call of a model, so it is two questions to torch and no more."""
    return torch._C._is_any_autocast_enabled() or torch._C._len_torch_function_stack() > 0


def refuse_autocast(what: str) -> None:
    """Refuse torch.autocast.

    Raises:
        ContextError: It is on.
    """
    if torch._C._is_any_autocast_enabled():
        raise ContextError(
            f"{what} inside torch.autocast, which computes some operations in another precision than the model's, and keeps weights "
            "that it cast: training would move nothing.",
            expected="the model's own precision; there is no mixed precision yet",
            fix='Leave the context, or stand "with torch.autocast(device_type, enabled=False):" around it. For inference in half '
            'precision: unidl.convert(model, "torch", precision="bfloat16").',
        )


class ambient:  # noqa: N801  # used as `with ambient(…)`; entering a generator function would cost each step more
    """See the contract."""

    def __init__(self, what: str, device: torch.device | None, purpose: Purpose) -> None:
        self._what, self._device, self._purpose = what, device, purpose
        self._entered: list[AbstractContextManager[Any]] = []

    def __enter__(self) -> None:
        if self._device is not None and self._device.type == "cuda" and torch.cuda._is_in_bad_fork():
            raise ForkError(
                f"{self._what} in the child of a fork: CUDA ran in the parent, and does not start again.",
                expected="a process in which CUDA did not run before the fork",
                fix="Build or load the model in the child, the parent having used no device; or start processes with "
                'multiprocessing.get_context("spawn").',
            )
        if self._purpose in ("training", "evaluation"):
            refuse_autocast(self._what)
        if self._purpose == "training" and parametrize._cache_enabled:
            raise ContextError(
                f"{self._what} inside torch.nn.utils.parametrize.cached, which keeps weights as they were at their first use.",
                fix="Leave the context.",
            )
        if torch.is_inference_mode_enabled() and self._purpose != "evaluation":
            self._enter(
                torch.inference_mode(False)
            )  # else gradients would be zero, and weights could not be trained later
        device = self._device
        if device is not None and torch._C._len_torch_function_stack() and torch.get_default_device() != device:
            self._enter(device)

    def _enter(self, context: AbstractContextManager[Any]) -> None:
        context.__enter__()
        self._entered.append(context)

    def __exit__(self, *error: Any) -> None:
        while self._entered:
            self._entered.pop().__exit__(*error)

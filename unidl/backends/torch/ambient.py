"""Contexts and settings of torch that stand around what unidl computes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any

import torch
from torch.nn.utils import parametrize

from unidl.backends.contract import Purpose
from unidl.errors import ContextError


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

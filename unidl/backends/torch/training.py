"""What a Trainer needs of torch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn


def compile_step(step: Callable[..., Any], native: nn.Module, batch: Any, jit: bool) -> Callable[..., Any]:
    """The step itself: torch runs it as Python. With `jit`, torch.compile compiles the module's forward inside it."""
    if jit and native._compiled_call_impl is None:
        native.compile(dynamic=True)
    return step


@contextmanager
def training_mode(native: nn.Module, training: bool) -> Iterator[None]:
    """Inside, the module is in that mode (and, for inference, takes no gradient)."""
    before = native.training
    native.train(training)
    try:
        with torch.set_grad_enabled(training):
            yield
    finally:
        native.train(before)


@contextmanager
def random_state(seed: int, device: torch.device) -> Iterator[None]:
    """Inside, torch draws from generators seeded so; the process' own are as before afterwards."""
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield

"""What a Trainer needs of torch."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from typing import Any

import torch
from torch import nn

from unidl.backends.contract import Step, Steps, Store
from unidl.errors import UnidlError
from unidl.graph.node import map_nest


def repeat(step: Step, width: int | None = None) -> Steps:
    """A loop in Python: torch runs each step as it is called, and nothing in it waits for the device."""

    def run(
        data: Any, order: torch.Tensor, first: int, count: int, batch_size: int, states: Any, rates: Mapping[str, Any]
    ) -> tuple[Any, dict[str, torch.Tensor]]:
        plain_rates = {name: rate.tolist() for name, rate in rates.items()}
        logs = []
        for i, chosen in enumerate(order[first * batch_size : (first + count) * batch_size].split(batch_size)):
            states, numbers = step(_chosen(data, chosen), states, {name: rate[i] for name, rate in plain_rates.items()})
            logs.append([value.detach() for value in numbers.values()])
        return states, {
            name: torch.stack(column) for name, column in zip(numbers, zip(*logs, strict=True), strict=True)
        }

    return run


def _chosen(data: Any, places: torch.Tensor) -> Any:
    """The examples at these places."""
    if type(data) is tuple:  # said beside map_nest, for each step asks
        return tuple([_chosen(part, places) for part in data])
    if isinstance(data, torch.Tensor):
        return data.index_select(0, places)
    return map_nest(lambda part: part.index_select(0, places), data)


def compile_steps(step: Step, native: nn.Module, data: Any, jit: bool, store: Store) -> Steps:
    """The loop. With `jit`, torch.compile compiles the module for batches of full size; others run without it."""
    plain = repeat(step)
    if not jit:
        return plain
    compiled = store.setdefault((id(native), "compiled"), torch.compile(native._call_impl, dynamic=False))

    def run(
        data: Any, order: torch.Tensor, first: int, count: int, batch_size: int, states: Any, rates: Mapping[str, Any]
    ) -> tuple[Any, dict[str, torch.Tensor]]:
        full = (first + count) * batch_size <= len(order)
        before = native._compiled_call_impl
        native._compiled_call_impl = compiled if full else None
        try:
            return plain(data, order, first, count, batch_size, states, rates)
        finally:
            native._compiled_call_impl = before

    return run


def explained(error: BaseException) -> UnidlError | None:
    """Nothing: torch runs each op as it is called, where its errors are explained."""
    return None


def training_mode(native: nn.Module, training: bool) -> AbstractContextManager[object]:
    """Inside, torch keeps what gradients need, or for inference nothing of it."""
    return torch.enable_grad() if training else torch.inference_mode()

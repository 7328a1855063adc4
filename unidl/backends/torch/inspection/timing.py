"""A function as torch runs a training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from unidl.graph.node import leaves


def staged(function: Callable[..., Any]) -> Callable[..., Any]:
    def run(*args: Any) -> Any:
        outputs = function(*args)
        if any(isinstance(t, torch.Tensor) and t.device.type == "cuda" for t in leaves(outputs)):
            torch.cuda.synchronize()
        return outputs

    return run

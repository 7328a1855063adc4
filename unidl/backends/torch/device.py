"""Where torch computes: the CPU and the accelerator that it was built for (CUDA, ROCm, Apple's MPS)."""

from __future__ import annotations

import torch

from unidl.backends.device_name import listed, select
from unidl.settings import Choice


def version() -> str:
    """torch's version."""
    return str(torch.__version__)


def accelerator() -> tuple[str, int]:
    """torch's name for the GPUs that are there, and their number."""
    if not torch.accelerator.is_available():
        return "", 0
    return torch.accelerator.current_accelerator().type, torch.accelerator.device_count()


def devices() -> tuple[str, ...]:
    """The devices there are: "cpu" and "gpu:0"."""
    return listed(1, accelerator()[1])


def device(wanted: Choice | str) -> torch.device:
    """torch's own device for "cpu", "gpu", "gpu:1" or "auto"."""
    kind, index = select(wanted, devices(), "torch")
    return torch.device("cpu") if kind == "cpu" else torch.device(accelerator()[0], index)

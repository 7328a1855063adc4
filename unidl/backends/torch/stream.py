"""random="portable" on torch: (seed, step) is a buffer of each adapter, and no part of its state_dict.

The buffer of the outermost module counts the steps, in place, as batch norm counts its batches: compiled code and exported
programs see it, and under torch.func it is handed in like other buffers that change.
"""

from __future__ import annotations

import torch
from torch import nn

from unidl.backends.torch.module import Adapter
from unidl.ops.stream import state_of


def set_random_state(native: nn.Module, seed: int, step: int) -> None:
    """The seed, and how many steps were taken."""
    if isinstance(native, Adapter):
        native.random_state.copy_(torch.tensor(state_of(seed, step)))


def next_random_state(native: Adapter) -> torch.Tensor:
    """Take the module to its next step; the state there."""
    return native.next_random_state()

"""Lowering of unidl.ops.philox: both multiplications of a round in one, and without the way through the table of ops."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, TypeAlias

import torch

from unidl.ops.philox import MULTIPLIERS, ROUNDS, WEYL, WORD

Tensor: TypeAlias = torch.Tensor


@cache
def _constants(device: torch.device) -> tuple[Tensor, Tensor]:
    return _made(device)


def _made(device: torch.device) -> tuple[Tensor, Tensor]:
    """Multipliers (2, 1), and what is added to the key in each round (rounds, 2, 1), in the order in which they are met."""
    steps = [[[WEYL[1] * number], [WEYL[0] * number]] for number in range(ROUNDS)]
    return torch.tensor([[m] for m in MULTIPLIERS], device=device), torch.tensor(steps, device=device)


def philox(count: Any, state: Any, stream: int) -> Tensor:
    multipliers, steps = (_made if torch.compiler.is_compiling() else _constants)(state.device)
    seed, step = state.unbind()
    key = torch.stack((seed >> 32, seed)).unsqueeze(1)  # (2, 1): the word for c2 comes first, as the high parts do
    keys = ((key + steps) & WORD).unbind()
    lanes = torch.arange((count + 3) // 4, device=state.device)  # (n,)
    a = torch.stack((lanes, torch.full_like(lanes, stream & WORD)))  # (2, n): c0, c2
    b = torch.stack((torch.full_like(step, stream >> 32 & WORD), step & WORD)).unsqueeze(1)  # (2, 1): c3, c1
    for key in keys:
        p = a * multipliers  # (2, n): its high parts become c2, c0, its low ones c3, c1
        high = (p >> 32).bitwise_xor_(b).bitwise_xor_(key).bitwise_and_(WORD)
        a, b = high.flip(0), p  # what stands above the low parts goes with the next mask
    return torch.cat((a[0], b[1] & WORD, a[1], b[0] & WORD))[:count]


TABLE: dict[str, Callable[..., Any]] = {"philox": philox}

"""jit="auto": whether the framework's compiler is worth its time."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

TRIED_FROM = 10.0  # seconds of training still to come from which the compiler is tried: it takes seconds itself


@dataclass(frozen=True)
class Choice:
    """What was measured, and what follows from it.

    Args:
        compiled: Whether the compiler is used.
        reason: In words.
        plain_seconds: A step without it.
        compiled_seconds: A step with it; None where it was not tried.
        compile_seconds: What compiling took.
        steps: Steps that were still to come; None where nobody knows.
    """

    compiled: bool
    reason: str
    plain_seconds: float
    compiled_seconds: float | None = None
    compile_seconds: float = 0.0
    steps: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """As plain data, for a checkpoint."""
        return asdict(self)


def worth_trying(plain_seconds: float, steps: int | None) -> bool:
    """Whether what is to come takes long enough for a compiler to win anything."""
    return steps is None or plain_seconds * steps >= TRIED_FROM


def too_short(plain_seconds: float, steps: int) -> Choice:
    """The choice where it was not tried."""
    left = plain_seconds * steps
    reason = f"{steps} steps of {1000 * plain_seconds:.2f} ms are {left:.1f} s, too few for a compiler to win time"
    return Choice(False, reason, plain_seconds, steps=steps)


def choose(plain_seconds: float, compiled_seconds: float, compile_seconds: float, steps: int | None) -> Choice:
    """The faster of the two over the steps to come, compiling included: a run that is gone on with compiles again."""
    saved = plain_seconds - compiled_seconds
    pays = saved > 0 and (steps is None or saved * steps > compile_seconds)
    told = f"a step takes {1000 * compiled_seconds:.2f} ms compiled, {1000 * plain_seconds:.2f} ms without"
    if saved > 0:
        after = int(compile_seconds / saved) + 1
        told += f"; compiling took {compile_seconds:.1f} s and pays after {after:,} steps"
        told += "" if steps is None else f" of {steps:,}"
    return Choice(pays, told, plain_seconds, compiled_seconds, compile_seconds, steps)

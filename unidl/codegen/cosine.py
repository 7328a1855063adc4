"""The cosine schedule as statements of plain arithmetic, which look alike in every framework."""

from __future__ import annotations

from typing import Any

from unidl.codegen.literals import docstring, literal


def cosine_lines(schedule: Any, cos: str = "math.cos", least: str = "min") -> list[str]:
    """What gives the rate of `step`: the warm-up's statements where there is one, then `done` and the return."""
    peak, floor, warmup, steps = (
        literal(schedule.peak), schedule.floor, schedule.warmup and literal(schedule.warmup), literal(schedule.steps)
    )  # fmt: skip
    warm = [f"if step < {warmup}:", f"    return {peak} * (step + 1) / {warmup}"] if warmup else []
    progress = f"(step - {warmup}) / {literal(schedule.steps - schedule.warmup)}" if warmup else f"step / {steps}"
    scaled = f"{literal(schedule.peak - floor)} * (1 + {cos}(math.pi * done)) / 2"
    return [
        *warm,
        f"done = {least}({progress}, 1.0)",
        f"return {scaled}" if not floor else f"return {literal(floor)} + {scaled}",
    ]


def cosine_title(schedule: Any) -> str:
    """What the code says of it."""
    after = f", after a warm-up over {schedule.warmup}" if schedule.warmup else ""
    return f"Half a cosine from {literal(schedule.peak)} to {literal(schedule.floor)} in {schedule.steps} steps{after}."


def cosine_function(schedule: Any) -> str:
    """A function of the step."""
    body = [*docstring(cosine_title(schedule)), *cosine_lines(schedule)]
    return "\n".join(["def learning_rate(step):", *(f"    {line}" for line in body)])

"""What a Trainer is shown as: in a line, and as a table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from unidl.models import summary
from unidl.table import Table
from unidl.visible import visible

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def line(trainer: Trainer) -> str:
    """The Trainer's repr."""
    model = f"{type(trainer.model).__name__} {trainer.model.name!r}"
    return f"<{type(trainer).__name__} of {model}: {', '.join(_parts(trainer))}; {_progress(trainer)}>"


def table(trainer: Trainer) -> Table:
    """The model's table, and below it how it is trained."""
    of_model = summary.table(trainer.model)
    how = f"{type(trainer).__name__}: {', '.join(_parts(trainer))}"
    return replace(of_model, notes=(*of_model.notes, how, _progress(trainer)))


def _parts(trainer: Trainer) -> list[str]:
    loss = trainer.objective.shown() or "a loss of its own"
    own = list(trainer.optimizers) == ["main"]
    optimizers = [
        repr(optimizer) if own else f"{name}: {optimizer!r}" for name, optimizer in trainer.optimizers.items()
    ]
    metrics = [visible(trainer.objective.metric_name(measure)) for measure in trainer.objective.measures]
    parts = [loss, f"optimizer {', '.join(optimizers)}"]
    if metrics:
        parts.append(f"metrics {', '.join(metrics)}")
    if trainer.jit:
        parts.append(f"jit {trainer.jit!r}")
    return parts


def _progress(trainer: Trainer) -> str:
    return f"{trainer.epoch:,} epochs and {trainer.steps_taken:,} steps done"

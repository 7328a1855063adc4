"""How far a call of `fit` goes: epochs, steps, time, and how much of the data it takes."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from unidl import arguments
from unidl.callbacks import Callback
from unidl.data import Arrays, Source, Stream
from unidl.data.regrouped import Regrouped
from unidl.errors import ArgumentError, DataError
from unidl.graph.node import map_nest

FIT = "Trainer.fit"


@dataclass(frozen=True)
class Options:
    """Arguments of `fit`, checked (see there).

    Args:
        epochs: Of the whole run; None where steps or time end it.
        max_steps: Likewise.
        max_time: Seconds of this call.
        validation_freq: Epochs between two evaluations.
        validation_split: The fraction of arrays that is held out.
        steps_per_epoch: None takes a source's own.
        fast_dev_run: Batches of a run that only tries everything; 0 is an ordinary run.
        overfit_batches: Batches that are trained on over and over; 0 takes all.
        overfit_fraction: Or the fraction of them, likewise.
    """

    epochs: int | None
    max_steps: int | None
    max_time: float | None
    validation_freq: int
    validation_split: float
    steps_per_epoch: int | None
    fast_dev_run: int
    overfit_batches: int
    overfit_fraction: float

    @classmethod
    def checked(cls, **given: Any) -> Options:
        """The arguments, if they can be used.

        Raises:
            ArgumentError: One of them cannot.
        """
        epochs = arguments.optional(arguments.integer, FIT, "epochs", given["epochs"], 0)
        max_steps = arguments.optional(arguments.positive, FIT, "max_steps", given["max_steps"])
        max_time = given["max_time"]
        if isinstance(max_time, timedelta):
            max_time = max_time.total_seconds()
        max_time = arguments.optional(arguments.number, FIT, "max_time", max_time, above=0)
        dev = given["fast_dev_run"]
        batches = int(dev) if arguments.is_flag(dev) else arguments.positive(FIT, "fast_dev_run", dev)
        if batches:
            epochs, max_steps, max_time = 1, None, None
        elif epochs is None and max_steps is None and max_time is None:
            epochs = 1
        overfit = given["overfit_batches"]
        is_fraction = isinstance(overfit, float)
        return cls(
            epochs,
            max_steps,
            max_time,
            arguments.positive(FIT, "validation_freq", given["validation_freq"]),
            arguments.number(FIT, "validation_split", given["validation_split"], least=0, below=1),
            arguments.optional(arguments.positive, FIT, "steps_per_epoch", given["steps_per_epoch"]),
            batches,
            0 if is_fraction else arguments.integer(FIT, "overfit_batches", overfit, 0),
            arguments.number(FIT, "overfit_batches", overfit, least=0, most=1) if is_fraction else 0.0,
        )

    def sources(self, source: Source, validation: Source | None) -> tuple[Source, Source | None]:
        """What is trained and evaluated on, of what was given.

        Raises:
            ArgumentError: validation_split stands beside validation_data.
            DataError: The data has no examples that could be held out, or too few.
        """
        if self.validation_split:
            if validation is not None:
                raise ArgumentError(
                    "validation_split and validation_data both say what is evaluated on.", fix="Give one of them."
                )
            source, validation = _split(source, self.validation_split)
        if self.fast_dev_run:
            held_out = None if validation is None else _first(validation, self.fast_dev_run)
            return _first(source, self.fast_dev_run), held_out
        if self.overfit_batches or self.overfit_fraction:
            return _first(source, self._overfitted(source)), validation
        return (source if self.steps_per_epoch is None else Regrouped(source, self.steps_per_epoch)), validation

    def _overfitted(self, source: Source) -> int:
        if self.overfit_batches:
            return self.overfit_batches
        if source.steps is None:
            raise DataError(
                "overfit_batches is a fraction of the batches, and nobody knows how many there are.",
                expected="a number of batches, or a source that knows its length",
                received=repr(self.overfit_fraction),
                fix="overfit_batches=1.",
            )
        return max(1, round(self.overfit_fraction * source.steps))

    def called(self, callbacks: Sequence[Callback]) -> Sequence[Callback]:
        """The callbacks that take part."""
        return [one for one in callbacks if one.in_dev_run] if self.fast_dev_run else callbacks

    def validates(self, epoch: int) -> bool:
        """Whether an epoch, counted from 1, is evaluated."""
        return epoch % self.validation_freq == 0


def _split(source: Source, fraction: float) -> tuple[Arrays, Arrays]:
    """The first examples to train on, and the last ones to evaluate on."""
    if not isinstance(source, Arrays):
        raise DataError(
            "validation_split cuts arrays, and the data is a source of batches.",
            expected="arrays, with examples along the first axis",
            received=type(source).__name__,
            fix="validation_data=unidl.data.Stream(…) of other batches.",
        )
    if len(source.parts) < 2:
        raise DataError("validation_split holds out inputs and targets, and there are no targets.", received="x alone")
    first = math.floor(source.examples * (1.0 - fraction))
    if not 0 < first < source.examples:
        raise DataError(
            "validation_split leaves no example to train on, or none to evaluate on.",
            expected="at least one of each",
            received=f"{source.examples} examples, validation_split={fraction}",
        )
    trained = map_nest(lambda array: array[:first], source.parts)
    held_out = map_nest(lambda array: array[first:], source.parts)
    first_part = Arrays(*trained, batch_size=source.batch_size, shuffle=source.shuffle, seed=source.seed)
    return first_part, Arrays(*held_out, batch_size=max(source.batch_size, 256))


def _first(source: Source, batches: int) -> Source:
    """The first batches of a source, in one order."""
    if isinstance(source, Arrays):
        parts = map_nest(lambda array: array[: batches * source.batch_size], source.parts)
        return Arrays(*parts, batch_size=source.batch_size)
    found = list(itertools.islice(source.batches(0), batches))
    if not found:
        raise DataError("The source has no batch.", expected="at least one")
    return Stream(found)

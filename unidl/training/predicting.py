"""Predictions batch by batch: for a source of batches, and where a subclass of Trainer has its own `predict_step`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.data import Arrays, Source
from unidl.data.arrays import array_of
from unidl.data.kinds import is_array
from unidl.data.reading import Reading
from unidl.data.recognize import is_source, source_of
from unidl.errors import DataError
from unidl.graph.node import leaves, map_nest, pack
from unidl.models.calling import reading

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def as_inputs(inputs: tuple[Any, ...], batch_size: int) -> Source | tuple[Any, ...]:
    """What predict was given: a source, or arrays, data frames and what else NumPy makes arrays of as these."""
    if len(inputs) == 1 and is_source(inputs[0]):
        return source_of(inputs[0], batch_size)
    return map_nest(lambda leaf: array_of(leaf) if is_array(leaf) and not _is_tensor(leaf) else leaf, inputs)  # type: ignore[no-any-return]


def predict(trainer: Trainer, given: Source | tuple[Any, ...], batch_size: int, own: bool) -> Any:
    """What `predict_step`, or the model, returns for each batch, joined along the first axis, as arrays.

    Args:
        trainer: The Trainer.
        given: What `as_inputs` made of what it was given; a source is read in its own order, its targets left out.
        batch_size: Examples in a batch.
        own: Whether a subclass has a `predict_step`.

    Raises:
        DataError: The inputs are no arrays of one length, or the outputs have no one shape.
    """
    source = given
    if not isinstance(source, Source):
        source = Arrays(source if len(source) > 1 else source[0], batch_size=batch_size)
    if own:
        with reading(trainer.model._need_built(), "Trainer.predict"):
            trainer.engine.look_at_model()
            made = [_own(trainer, batch[0]) for batch in _read(trainer, source)]
    else:
        made = [trainer.model.predict(*_arguments(batch[0]), batch_size=batch_size) for batch in _read(trainer, source)]
    return _joined(made)


def _own(trainer: Trainer, x: Any) -> Any:
    engine = trainer.engine
    with engine.mode(training=False):
        return map_nest(engine.backend.to_numpy, trainer.predict_step(engine.put(x)))


def _joined(made: list[Any]) -> Any:
    if not made:
        raise DataError("The source has no batch.", expected="at least one")
    columns = [list(column) for column in zip(*(leaves(one) for one in made), strict=True)]
    for column in columns:
        shapes = {array.shape[1:] for array in column}
        if len(shapes) > 1:
            raise DataError(
                "The outputs of the batches have different shapes.",
                expected="one shape behind the first axis",
                received=", ".join(map(str, sorted(shapes))),
                fix="Pad the inputs to one length, or call predict for each batch.",
            )
    return pack(made[0], [np.concatenate(column) for column in columns])


def _read(trainer: Trainer, source: Source) -> Iterator[tuple[Any, ...]]:
    if isinstance(source, Arrays):
        yield from source.batches()
        return
    built = trainer.model._need_built()
    inside = Reading(source.given, built.backend, built.device, trainer.seed, 0)
    batches = source.batches(0)
    while True:
        with inside:
            batch = next(batches, None)
        if batch is None:
            return
        yield batch


def _arguments(x: Any) -> tuple[Any, ...]:
    return x if isinstance(x, tuple) else (x,)


def _is_tensor(leaf: Any) -> bool:
    """Whether a model takes it as it is: an array, or a framework's tensor, which has a shape and no columns."""
    return hasattr(leaf, "shape") and not hasattr(leaf, "to_numpy")

"""Prediction batch by batch, where a subclass of Trainer has its own `predict_step`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.data import Arrays
from unidl.graph.node import leaves, map_nest, pack
from unidl.models.calling import reading

if TYPE_CHECKING:
    from unidl.training.trainer import Trainer


def predict(trainer: Trainer, inputs: tuple[Any, ...], batch_size: int) -> Any:
    """What `predict_step` returns for each batch, joined along the first axis, as arrays.

    Args:
        trainer: A subclass' object.
        inputs: What `predict` was given: one input, or several for a forward of several arguments.
        batch_size: Examples in a batch.

    Raises:
        DataError: The inputs are no arrays of one length.
    """
    engine, made = trainer.engine, []
    source = Arrays(inputs if len(inputs) > 1 else inputs[0], batch_size=batch_size)
    with reading(trainer.model._need_built(), "Trainer.predict"):
        engine.look_at_model()
        for (batch,) in source.batches():
            with engine.mode(training=False):
                made.append(map_nest(engine.backend.to_numpy, trainer.predict_step(engine.put(batch))))
    columns = zip(*(leaves(one) for one in made), strict=True)
    return pack(made[0], [np.concatenate(column) for column in columns])

"""Weights by class: what `fit` was given as a table on the device, and the weight of each position's class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from unidl import arguments, ops
from unidl.errors import ArgumentError
from unidl.losses import Loss
from unidl.training.outputs import Key, Outputs
from unidl.training.parts import Part

MOST = 1_000_000  # classes


def tables_of(given: Any, parts: Sequence[Part], outputs: Outputs) -> dict[Key, np.ndarray]:
    """The weights of classes, by output.

    Args:
        given: {class: weight}, or output -> {class: weight}.
        parts: The losses.
        outputs: The model's outputs.

    Returns:
        Output -> weights by class, 1 for one that is not named, and that of all others at the end.

    Raises:
        ArgumentError: It is no such dict, or of an output that has no loss.
    """
    whole = arguments.mapping("Trainer.fit", "class_weight", given, ": class -> weight")
    nested = bool(whole) and all(isinstance(key, str) for key in whole)
    if not nested and len(parts) > 1:
        raise ArgumentError(
            "class_weight is of one output, and there are several losses.",
            expected="output -> {class: weight}",
            received=arguments.shown(given),
            fix=f"class_weight={{{str(parts[0].key)!r}: {{0: 1.0, 1: 5.0}}}}",
        )
    tables = {}
    for key, table in whole.items() if nested else [(parts[0].key, whole)]:
        name = outputs.key("class_weight", key) if nested else key
        if name not in {part.key for part in parts}:
            raise ArgumentError(
                f"class_weight is given for the output {key!r}, which has no loss.",
                expected=f"outputs with a loss: {', '.join(repr(part.key) for part in parts)}",
            )
        tables[name] = _table(table)
    return tables


def _table(given: Any) -> np.ndarray:
    owner = "Trainer.fit"
    named = arguments.mapping(owner, "class_weight", given, ": class -> weight")
    if not named:
        raise arguments.refuse(owner, "class_weight", "class -> weight", given)
    classes = [arguments.integer(owner, "a class of class_weight", key, 0, MOST) for key in named]
    table = np.ones(max(classes) + 2)
    table[classes] = [arguments.number(owner, f"class_weight[{key}]", named[key], least=0) for key in named]
    return table


def by_class(loss: Loss, targets: Any, table: Any) -> Any:
    """The weight of each position's class: of the shape of the loss' values."""
    index = loss.class_indices(targets)
    others = table.shape[0] - 1
    known = ops.logical_and(ops.greater_equal(index, 0), ops.less(index, others))
    return ops.take(table, ops.where(known, index, others))

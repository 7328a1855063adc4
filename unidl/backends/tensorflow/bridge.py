"""Weights of hand-written modules: TensorFlow's variables have the canonical layout, and checkpoints of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

import tensorflow as tf

from unidl.backends.foreign import Foreign, Stored
from unidl.description.plan import LayerPlan
from unidl.errors import FileError

SEPARATOR = "/"
CHANNELS_FIRST = False

VALUE = "/.ATTRIBUTES/VARIABLE_VALUE"
BOOKKEEPING = ("_CHECKPOINTABLE_OBJECT_GRAPH", "save_counter", ".OPTIMIZER_SLOT")


def foreign(plan: LayerPlan) -> Foreign:
    """The layer's weights by their own names, which a Keras model in a checkpoint has under attributes of its own."""
    shapes = {name: weight.shape for name, weight in plan.weights.items()}
    aliases: dict[str, str] = {}
    for name in shapes:
        part, _, last = name.rpartition("_")  # query_kernel is the kernel of _query_dense
        aliases |= dict.fromkeys((f"_{name}", f"cell/{name}", f"_{part}_dense/_{last}", f"_{part}_dense/{last}"), name)
    return Foreign(shapes, dict, aliases)


def read_checkpoint(path: Path) -> Mapping[str, Stored]:
    """The variables of a checkpoint, by the path of attributes that leads to each.

    Args:
        path: The checkpoint's prefix, or its file that ends with ".index".

    Raises:
        FileError: It is none.
    """
    prefix = str(path).removesuffix(".index")
    try:
        reader = tf.train.load_checkpoint(prefix)
        shapes = reader.get_variable_to_shape_map()
    except (tf.errors.OpError, ValueError, RuntimeError) as error:
        raise FileError(
            f"{prefix!r} is no checkpoint of TensorFlow.",
            expected="what tf.train.Checkpoint(model=module).write(prefix) wrote",
            received=f"{type(error).__name__}: {error}"[:300],
        ) from error
    return {
        name.removesuffix(VALUE): Stored(tuple(shape), partial(reader.get_tensor, name))
        for name, shape in shapes.items()
        if not any(mark in name for mark in BOOKKEEPING)
    }


READERS: dict[str, Callable[[Path], Mapping[str, Stored]]] = {".index": read_checkpoint, "": read_checkpoint}
"""How a file ends -> its reader."""

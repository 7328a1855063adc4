"""From a plan to a tf.Module, and running it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from unidl.backends.lowering import Way, choose
from unidl.backends.tensorflow.binding import add_children, child_of, make_adapter, slots_of
from unidl.backends.tensorflow.layers import LOWERINGS
from unidl.backends.tensorflow.module import Adapter, Root
from unidl.backends.tensorflow.weight import Slot
from unidl.description.plan import LayerPlan


def build(plan: LayerPlan, *, device: str, natives: Mapping[int, tf.Module]) -> tf.Module:
    """The module of a traced model; a shared layer is one module. Nothing is traced into a graph yet."""
    made = dict(natives)

    def make(part: LayerPlan) -> tf.Module:
        if id(part) not in made:
            made[id(part)] = _make(part)
        return made[id(part)]

    def _make(part: LayerPlan) -> tf.Module:
        lowering, _ = choose(LOWERINGS, "tensorflow", part)
        if lowering is not None and part is not plan:
            return lowering.make(part)
        adapter = make_adapter(part, device, Root if part is plan else Adapter)
        add_children(
            adapter,
            {
                key: (make(child), choose(LOWERINGS, "tensorflow", child)[0])
                for key, child in part.children.items()
                if child.reached
            },
        )
        return adapter

    with tf.device(device):
        return make(plan)


def run(native: tf.Module, args: tuple[Any, ...], kwargs: dict[str, Any], training: bool) -> Any:
    """Call the module in that mode."""
    if isinstance(native, Adapter) and type(native).__call__ is Adapter.__call__:
        return native.run_admitted(args, kwargs, training)
    return native(*args, training=training, **kwargs)


def set_mode(native: tf.Module, training: bool) -> None:
    """Nothing: a call is told its mode, and the module keeps none."""


def reset_mode(changed: None) -> None:
    """Nothing."""


def child(native: tf.Module, key: str) -> tf.Module:
    """The module under a key."""
    return child_of(native, key)


def lowered(plan: LayerPlan, native: tf.Module) -> Way:
    """Which module runs a layer, and why."""
    if isinstance(native, Adapter):
        return Way(type(native).__name__, "definition", choose(LOWERINGS, "tensorflow", plan)[1])
    return Way(f"{type(native).__module__}.{type(native).__qualname__}", "native")


def slots(plan: LayerPlan, native: tf.Module) -> Mapping[str, Slot]:
    """The layer's own weights in its module."""
    return slots_of(plan, native, choose(LOWERINGS, "tensorflow", plan)[0])


def set_trainable(plan: LayerPlan, native: tf.Module, trainable: bool) -> None:
    """Freeze or unfreeze one layer: it leaves `trainable_variables`, and runs in inference; training is traced anew."""
    native.unidl_frozen = not trainable

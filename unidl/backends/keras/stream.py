"""random="portable" on Keras: (seed, step) is a variable of each adapter and functional model, and none of its `variables`."""

from __future__ import annotations

from typing import Any

from unidl.backends.keras.engine import keras
from unidl.ops.stream import state_of


def set_random_state(native: Any, seed: int, step: int) -> None:
    """The seed, and how many steps were taken."""
    if hasattr(native, "unidl"):
        native.unidl.random_state.assign(keras.ops.convert_to_tensor(state_of(seed, step), "int64"))


def next_random_state(native: Any) -> Any:
    """Take the model to its next step; the state there."""
    return native.unidl.next_random_state()

"""Contexts and settings of Keras, and of its engine, that stand around what unidl computes."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from keras.src.backend.common.remat import get_current_remat_mode
from keras.src.backend.common.stateless_scope import in_stateless_scope
from keras.src.backend.common.variables import get_autocast_scope

from unidl.backends.contract import Purpose
from unidl.backends.keras.device import of_engine
from unidl.backends.keras.engine import ENGINE, own_backend
from unidl.errors import ContextError

_engine: Any = sys.modules[ENGINE]  # imported by Keras


def is_disturbed() -> bool:
    """Whether there is anything of the engine to look at; asked at each call of a model."""
    return ENGINE == "torch" and bool(_engine._C._is_any_autocast_enabled())


def ambient(what: str, device: str | None, purpose: Purpose) -> AbstractContextManager[object]:
    """See the contract."""
    inside = None
    if purpose == "building":
        inside = "keras.RematScope" if get_current_remat_mode() is not None else None
    elif in_stateless_scope():
        inside = "keras.StatelessScope"
    elif get_autocast_scope() is not None:
        inside = "an AutocastScope of Keras"
    if purpose == "training" and ENGINE == "torch" and _engine.get_default_dtype() is not _engine.float32:
        raise ContextError(
            f"{what} while torch's default dtype is {_engine.get_default_dtype()}, in which Keras draws the masks of dropout.",
            expected="torch.float32, which is torch's own default",
            fix="torch.set_default_dtype(torch.float32); a model's precision is build(precision=…).",
        )
    if inside is not None:
        raise ContextError(
            f"{what} inside {inside}, which changes what Keras' layers and variables are.", fix="Leave the context."
        )
    own = own_backend()
    return nullcontext() if own is None else own.ambient(what, device and of_engine(device), purpose)

"""A context variable that has a value inside a block."""

from __future__ import annotations

from contextvars import ContextVar
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class within(Generic[T]):  # noqa: N801  # used as `with within(…)`; entering a generator would cost each prediction more
    """Inside, the variable has the value, which is what `as` gives. An object is for one block, not for two at a time.

    Args:
        variable: The context variable; afterwards it is as it was.
        value: Its value inside.
    """

    def __init__(self, variable: ContextVar[Any], value: T) -> None:
        self._variable, self._value = variable, value

    def __enter__(self) -> T:
        self._token = self._variable.set(self._value)
        return self._value

    def __exit__(self, *_: object) -> None:
        self._variable.reset(self._token)

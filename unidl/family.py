"""Families of descriptions: losses, metrics, optimizers, schedules, initializers. Their names, and how a value becomes one of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Generic, TypeVar

from unidl import habits
from unidl.capture import Captured
from unidl.errors import ArgumentError
from unidl.subclass import check_methods, check_signatures

T = TypeVar("T")


class Family(Generic[T]):
    """What is known of one family.

    Args:
        kind: "loss".
        home: The package that has its classes: "losses".
        words: Names from other frameworks -> unidl's way, for the error.
        others: What else is taken: "an object of unidl.losses".
        aliases: Other names -> names, which are accepted.
        call: What stands between the brackets in advice to call a class.
    """

    base: type[T]  # its base class, once that is defined

    def __init__(
        self,
        kind: str,
        home: str,
        words: Mapping[str, str],
        others: str,
        aliases: Mapping[str, str] | None = None,
        call: str = "",
    ) -> None:
        self.kind, self.home, self.words, self.others, self.call = kind, home, words, others, call
        self.aliases = aliases or {}
        self.names: dict[str, type[T]] = {}
        self.calls: Mapping[str, tuple[str, ...]] = {}

    def found(self, value: Any) -> T | None:
        """The member that a value is or names; None if it is or names none.

        Raises:
            ArgumentError: It is a class, which is to be called.
        """
        if isinstance(value, self.base):
            return value
        if isinstance(value, str):
            cls = self.names.get(self.aliases.get(value, value))
            return None if cls is None else cls()
        if isinstance(value, type) and issubclass(value, self.base):
            raise ArgumentError(
                f"The {self.kind} is the class {value.__name__}.", fix=f"Call it: {value.__name__}({self.call})."
            )
        return None

    def no_such(self, value: Any) -> ArgumentError:
        """The error for a value that names no member."""
        return habits.no_such(self.kind, self.home, value, self.words, sorted(self.names), self.others)


class Member(metaclass=Captured):
    """Base class of the families whose constructors' arguments are captured.

    A family's base class names the family and the methods that unidl calls; each of its subclasses is checked against them, and may
    have a name by which it is found: `class MSE(Loss, name="mse")`.
    """

    _family: ClassVar[Family[Any]]

    def __init_subclass__(
        cls,
        name: str | None = None,
        family: Family[Any] | None = None,
        calls: Mapping[str, tuple[str, ...]] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init_subclass__(**kwargs)
        if family is not None:
            cls._family, family.base, family.calls = family, cls, calls or {}
            return
        check_methods(cls, cls._family.base)
        check_signatures(cls, cls._family.base, cls._family.calls)
        if name is not None:
            cls._family.names[name] = cls

    def __repr__(self) -> str:
        given = ", ".join(f"{k}={v!r}" for k, v in self._unidl.arguments.items())  # type: ignore[attr-defined]
        return f"{type(self).__name__}({given})"

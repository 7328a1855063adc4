"""The constructor's arguments of a description, captured with no code in the class."""

from __future__ import annotations

import copy
import functools
import inspect
import re
import unicodedata
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ParamSpec, TypeVar

from unidl import habits
from unidl.errors import UnknownArgumentError
from unidl.names import check_identifier, check_label

P = ParamSpec("P")
R = TypeVar("R")


@dataclass
class Record:
    """What unidl keeps of a description beside the user's own attributes.

    Args:
        arguments: The constructor's arguments by name, defaults left out.
        name: The explicit name, or None.
        frozen: Whether the layer rests in training (see Model.freeze).
        weights_left: Whether it was built where it was pickled, as a layer: a layer's pickle has no weights.
        constructed: Whether the constructor has run.
    """

    arguments: dict[str, Any]
    name: str | None = None
    frozen: bool = False
    weights_left: bool = field(default=False, compare=False)
    constructed: bool = field(default=False, compare=False)
    _built: Any = field(default=None, init=False, compare=False, repr=False)
    # what builds it at its first use, for a model that came out of a pickle with its weights
    pending: Callable[[], object] | None = field(default=None, init=False, compare=False, repr=False)

    @property
    def built(self) -> Any:
        """The build that owns the description's weights (see unidl.models), or None."""
        if self.pending is not None:
            self.pending()
        return self._built

    @built.setter
    def built(self, part: Any) -> None:
        self._built, self.pending = part, None

    @property
    def is_built(self) -> bool:
        """Whether there are weights, or will be at the first use."""
        return self._built is not None or self.pending is not None

    def __deepcopy__(self, memo: dict[int, Any]) -> Record:
        # a copy of a description is not built: the native object stays with the original
        arguments = copy.deepcopy(self.arguments, memo)
        return Record(arguments, self.name, self.frozen, weights_left=self.weights_left, constructed=self.constructed)

    def __reduce__(self) -> tuple[Any, ...]:
        left = self.weights_left or self.is_built
        return (Record, (self.arguments, self.name, self.frozen, left, self.constructed))  # likewise


def snake_case(name: str) -> str:
    """Conv2D -> conv2d, BatchNormalization -> batch_normalization, MultiHeadAttention -> multi_head_attention."""
    name = re.sub(r"([a-z])([A-Z])", r"\1_\2", name)
    return re.sub(r"([A-Z]+)([A-Z][a-z])", r"\1_\2", name).lower()


def default_name(name: str) -> str:
    """An identifier near a class' name, in snake case: `A[T]` -> a_t_. None that begins as Python's own do."""
    found = re.sub(r"\W", "_", unicodedata.normalize("NFKC", snake_case(name)))
    found = re.sub(r"^__+", "_", found)
    return found if found.isidentifier() else f"_{found}"


POSITIONAL = "*"  # the row for too many positional arguments

# object's own constructor says that it takes anything
NO_ARGUMENTS = inspect.Signature([inspect.Parameter("self", inspect.Parameter.POSITIONAL_OR_KEYWORD)])


class Captured(type):
    """Metaclass: makes an object, records its constructor's arguments, then runs the constructor.

    So a class need not call `super().__init__()`. `name=` may be given to every description.
    """

    @property
    def __signature__(cls) -> inspect.Signature:
        """The constructor's, for editors and `help`; `name=` may be given beside it."""
        return without_self(_constructor_signature(cls))

    def __call__(cls, *args: Any, **kwargs: Any) -> Any:
        """Construct, with the arguments recorded in `_unidl`."""
        signature = _constructor_signature(cls)
        name = None
        if "name" not in signature.parameters:
            name = kwargs.pop("name", None)
            check_name(cls, name)
        try:
            bound = signature.bind(None, *args, **kwargs)
        except TypeError as error:
            raise _wrong_arguments(cls, signature, kwargs, error) from None
        new: Any = object.__new__  # mypy: takes a metaclass' cls for no class
        self = new(cls)
        arguments = dict(list(bound.arguments.items())[1:])
        self.__dict__["_unidl"] = Record(arguments, name)
        self.__init__(*args, **kwargs)
        self.__dict__["_unidl"].constructed = True
        return self


def _constructor_signature(cls: type) -> inspect.Signature:
    constructor: Any = getattr(cls, "__init__")  # noqa: B009  # mypy: an attribute of the class, not of an instance
    return NO_ARGUMENTS if constructor is object.__init__ else inspect.signature(constructor)


def without_self(signature: inspect.Signature) -> inspect.Signature:
    """A constructor's signature as a caller sees it."""
    return signature.replace(parameters=list(signature.parameters.values())[1:], return_annotation=signature.empty)


def construct(cls: type, arguments: dict[str, Any]) -> Any:
    """An object from arguments by name, as a Record keeps them (`*args` under their one name)."""
    constructor: Any = getattr(cls, "__init__")  # noqa: B009  # mypy: an attribute of the class, not of an instance
    signature = inspect.signature(constructor)
    unknown = [name for name in arguments if name not in signature.parameters]
    if unknown:
        raise _wrong_arguments(cls, signature, arguments, TypeError(f"unknown {', '.join(unknown)}"))
    parameters = [p for name, p in signature.parameters.items() if name != "self"]
    bound = inspect.BoundArguments(signature.replace(parameters=parameters), OrderedDict(arguments))
    return cls(*bound.args, **bound.kwargs)


def check_name(cls: type, name: Any) -> None:
    """Refuse an explicit name that an object of the class cannot have; None is none."""
    if name is None:
        return
    reserved = getattr(cls, "RESERVED", None)
    if reserved is None:  # what a metric logs under
        check_label(cls.__name__, name)
    else:  # a layer: its name becomes part of weight paths and an attribute of the native object
        check_identifier(cls.__name__, name, reserved)


def _wrong_arguments(
    cls: type, signature: inspect.Signature, given: dict[str, Any], error: TypeError
) -> UnknownArgumentError:
    names = [base.__name__ for base in cls.__mro__]
    return wrong_arguments(cls.__name__, names, signature, given, error, described=True)


def told_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Decorate a method that people call with arguments they know from elsewhere: an unknown one is told with unidl's way."""
    signature = inspect.signature(function)

    @functools.wraps(function)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except TypeError:
            try:
                signature.bind(*args, **kwargs)  # else it was raised inside
            except TypeError as error:
                name = function.__qualname__
                if function.__name__ == "__init__" and args:
                    name = type(args[0]).__name__
                raise wrong_arguments(name, [name.rpartition(".")[2]], signature, kwargs, error) from None
            raise

    return run


def wrong_arguments(
    what: str,
    of: Sequence[str],
    signature: inspect.Signature,
    given: dict[str, Any],
    error: TypeError,
    described: bool = False,
) -> UnknownArgumentError:
    """The error for a call whose arguments do not fit a signature.

    Args:
        what: What was called, for the message.
        of: Its names in the table of habits.
        signature: What it takes.
        given: The keyword arguments of the call.
        error: What Python says.
        described: Whether a description is made: a layer, loss, metric, optimizer or schedule.
    """
    names = [n for n in signature.parameters if n != "self"]
    shown = [str(signature.parameters[n].replace(annotation=inspect.Parameter.empty)) for n in names]
    unknown = [n for n in given if n not in signature.parameters]
    way = habits.argument(of, unknown[0] if unknown else POSITIONAL, described)
    if unknown and way is None:
        way = habits.suggestion(unknown[0], {}, names)
    fix = None
    if way is not None:
        fix = habits.argument_sentence(unknown[0], way, names) if unknown else habits.sentence(way)
    said = f"has no argument {unknown[0]!r}" if unknown else f"cannot be called so: {error}"
    return UnknownArgumentError(
        f"{what} {said}.",
        expected=f"{what}({', '.join(shown)})",
        received=", ".join(f"{k}={v!r:.60}" for k, v in given.items()) or None,
        fix=fix,
    )

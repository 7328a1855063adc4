"""Descriptions as plain data, and back: what a model file holds of an architecture.

An object is its registered class name and its constructor's arguments. Reading looks classes up in a table by name, never by an
importable path, and ops in the table of ops; no function and no code is ever read.
"""

from __future__ import annotations

import inspect
import math
import reprlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unidl import initializers
from unidl.arguments import shown, text
from unidl.capture import Record, check_name, construct, told_arguments
from unidl.errors import ArgumentError, FileError, NotSerializableError
from unidl.graph.node import Placeholder
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import SymbolicTensor, placeholder
from unidl.names import check_label
from unidl.ops.op import OPS, Op

MAX_NUMBERS_AS_KEYS = 10_000  # of one dict in a file: numbers can be chosen so that they all collide

# name -> class, entered by `unidl.register`
REGISTERED: dict[str, type] = {}


@told_arguments
def register(cls_or_name: Any = None) -> Any:
    """Enter a class of your own, so that models which hold it can be saved and loaded.

    Args:
        cls_or_name: The class (as a bare decorator), or the name to enter it under; without one, the class's own name.

    Raises:
        ArgumentError: The name is taken by another class.

    Example:
        >>> import unidl
        >>> @unidl.register
        ... class Twice(unidl.Layer):
        ...     def forward(self, x):
        ...         return x * 2.0
    """
    if isinstance(cls_or_name, str) or cls_or_name is None:
        return lambda cls: _enter(cls, cls_or_name)
    return _enter(cls_or_name, None)


def _enter(given: Any, wanted: str | None) -> type:
    if not isinstance(given, type):
        raise ArgumentError(
            "register enters a class.",
            expected="@unidl.register above a class, or @unidl.register(name)",
            received=shown(given),
        )
    cls: type = given
    name = cls.__name__ if wanted is None else text("register", "the name", wanted)
    before = REGISTERED.get(name)
    if before is not None and before.__qualname__ != cls.__qualname__:
        raise ArgumentError(
            f"The name {name!r} is registered for another class, {before.__module__}.{before.__qualname__}.",
            fix=f'@unidl.register("my_package.{name}")',
        )
    REGISTERED[name] = cls
    return cls


class Encoder:
    """Writes objects into a table, each once, those they are made of first.

    Args:
        names: Class -> the name under which files know it.
    """

    def __init__(self, names: Mapping[type, str]) -> None:
        self.names = names
        self.objects: list[dict[str, Any]] = []
        self.constants: dict[str, np.ndarray] = {}
        self._index: dict[int, int] = {}
        self._kept: list[Any] = []  # so that no id is used again

    def encode(self, value: Any, where: str) -> Any:
        """The value as JSON data; `where` names it in errors."""
        if value is None or isinstance(value, (bool, str)):
            return value
        if isinstance(value, (int, np.integer)):
            return int(value)
        if isinstance(value, (float, np.floating)):
            number = float(value)
            return number if math.isfinite(number) else {"$": "float", "value": repr(number)}
        if isinstance(value, list):
            return [self.encode(item, f"{where}[{i}]") for i, item in enumerate(value)]
        if isinstance(value, tuple):
            return {"$": "tuple", "items": [self.encode(item, f"{where}[{i}]") for i, item in enumerate(value)]}
        if isinstance(value, dict):
            if sum(not isinstance(key, str) for key in value) > MAX_NUMBERS_AS_KEYS:
                raise NotSerializableError(
                    f"{where} is a dict with more than {MAX_NUMBERS_AS_KEYS:,} keys that are no text.",
                    received=f"{len(value):,} keys",
                    fix="Give keys and values as two arrays.",
                )
            items = [[self.encode(k, where), self.encode(v, f"{where}[{k!r}]")] for k, v in value.items()]
            return {"$": "dict", "items": items}
        if isinstance(value, np.ndarray):
            key = f"constant_{len(self.constants)}"
            self.constants[key] = value
            return {"$": "array", "key": key}
        if isinstance(value, TensorSpec):
            return {"$": "spec", "shape": list(value.shape), "dtype": value.dtype}
        if isinstance(value, slice):
            return {"$": "slice", "bounds": [self.encode(b, where) for b in (value.start, value.stop, value.step)]}
        if value is Ellipsis:
            return {"$": "ellipsis"}
        return self._encode_named(value, where)

    def _encode_named(self, value: Any, where: str) -> Any:
        if isinstance(value, SymbolicTensor) and isinstance(value.unidl_node, Placeholder):
            node = value.unidl_node
            return {
                "$": "input", "shape": list(value.shape), "dtype": value.dtype, "floating": node.floating, "name": node.name
            }  # fmt: skip
        if isinstance(value, Op) and OPS.get(value.name) is value:
            return {"$": "op", "name": value.name}
        if isinstance(value, initializers.Initializer) and type(value).name:
            parameters = inspect.signature(type(value)).parameters
            arguments = {name: self.encode(getattr(value, name), where) for name in parameters}
            return {"$": "initializer", "name": type(value).name, "arguments": arguments}
        if isinstance(getattr(value, "_unidl", None), Record):
            return {"$": "object", "index": self.add(value, where)}
        kind = "a function" if callable(value) and not isinstance(value, type) else f"a {type(value).__name__}"
        raise NotSerializableError(
            f"{where} is {kind}, which a file that executes nothing cannot hold.",
            expected="numbers, strings, arrays, lists, dicts, ops, initializers, and layers of unidl or registered ones",
            received=repr(value)[:200],
            fix='Use an op or its name (activation="relu"), or put the code into a Layer subclass with @unidl.register.',
        )

    def add(self, value: Any, where: str) -> int:
        """Write an object into the table and return its place there."""
        if id(value) in self._index:
            return self._index[id(value)]
        cls = type(value)
        if cls not in self.names:
            raise NotSerializableError(
                f"{where} is a {cls.__qualname__}, a class that no file can name.",
                expected="layers of unidl, and classes registered with @unidl.register",
                fix=f"Put @unidl.register above class {cls.__name__}.",
            )
        describe: Callable[[Callable[[Any, str], Any]], dict[str, Any]] | None = getattr(
            value, "describe_arguments", None
        )
        record: Record = value._unidl
        if describe is not None:
            arguments = describe(self.encode)
        else:
            arguments = {n: self.encode(v, f"{where}.{n}") for n, v in record.arguments.items()}
        entry: dict[str, Any] = {"class": self.names[cls], "arguments": arguments}
        if record.name is not None:
            entry["name"] = record.name
        if record.frozen:
            entry["frozen"] = True
        self.objects.append(entry)
        self._kept.append(value)
        self._index[id(value)] = len(self.objects) - 1
        return self._index[id(value)]


class Decoder:
    """Makes the objects of a table again.

    Args:
        objects: The table.
        constants: The arrays it refers to.
        classes: Name -> class.
    """

    def __init__(self, objects: Any, constants: Mapping[str, np.ndarray], classes: Mapping[str, type]) -> None:
        self.constants = constants
        self.classes = classes
        self.made: list[Any] = []
        if not isinstance(objects, list):
            raise damaged("objects", objects)
        for entry in objects:
            self.made.append(self._make(entry))

    def decode(self, data: Any) -> Any:
        """The value that JSON data stands for."""
        if data is None or isinstance(data, (bool, int, float, str)):
            return data
        if isinstance(data, list):
            return [self.decode(item) for item in data]
        if not isinstance(data, dict):
            raise damaged("a value", data)
        readers: dict[str, Callable[[], Any]] = {
            "float": lambda: {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}[data["value"]],
            "tuple": lambda: tuple([self.decode(item) for item in data["items"]]),
            "dict": lambda: self._dict(data["items"]),
            "array": lambda: self.constants[data["key"]],
            "spec": lambda: TensorSpec(tuple(data["shape"]), data["dtype"]),
            "input": lambda: self._input(data),
            "slice": lambda: slice(*(self.decode(bound) for bound in data["bounds"])),
            "ellipsis": lambda: Ellipsis,
            "op": lambda: OPS[data["name"]],
            "initializer": lambda: self._initializer(data),
            "object": lambda: self._object(data["index"]),
        }
        reader = readers.get(str(data.get("$")))
        if reader is None:
            raise damaged("a value of an unknown kind", data)
        try:
            return reader()
        except FileError:
            raise
        except (KeyError, TypeError, ValueError, IndexError, OverflowError, AttributeError) as error:
            raise damaged(f"a {data['$']}", data) from error

    def _input(self, data: Any) -> Any:
        check_label("Input", data["name"])
        return placeholder(TensorSpec(tuple(data["shape"]), data["dtype"]), data["name"], data["floating"] is True)

    def _dict(self, items: Any) -> dict[Any, Any]:
        decoded = [(self.decode(key), self.decode(value)) for key, value in items]
        if sum(not isinstance(key, str) for key, _ in decoded) > MAX_NUMBERS_AS_KEYS:
            raise damaged("a dict with so many keys that are no text", len(decoded))
        return dict(decoded)

    def _object(self, index: Any) -> Any:
        if isinstance(index, bool) or not isinstance(index, int) or not 0 <= index < len(self.made):
            raise damaged("a reference", index)
        return self.made[index]

    def _initializer(self, data: Any) -> Any:
        cls: Any = initializers.initializer.INITIALIZERS.names[data["name"]]
        return cls(**{str(k): self.decode(v) for k, v in data["arguments"].items()})

    def _make(self, entry: Any) -> Any:
        if not isinstance(entry, dict) or not isinstance(entry.get("arguments"), dict):
            raise damaged("an object", entry)
        name = entry.get("class")
        cls = self.classes.get(name) if isinstance(name, str) else None
        if cls is None:
            raise FileError(
                f"The file holds a {name!r}, a class that is not known here.",
                expected="classes of unidl, and registered ones",
                fix=f"Import the module that has @unidl.register above class {name}, or give it: unidl.load(path, classes=[{name}]).",
            )
        try:
            build = getattr(cls, "from_arguments", None)
            if build is not None:
                made = build(entry["arguments"], self.decode)
            else:
                made = construct(cls, {str(k): self.decode(v) for k, v in entry["arguments"].items()})
        except (TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, RecursionError) as error:
            if isinstance(error, FileError):
                raise
            raise FileError(
                f"A {name} cannot be made from what the file says of it.", received=f"{type(error).__name__}: {error}"
            ) from error
        made._unidl.name = self._name(cls, entry.get("name"))
        made._unidl.frozen = entry.get("frozen") is True
        return made

    def _name(self, cls: type, given: Any) -> Any:
        """A name that its constructor would have taken."""
        try:
            check_name(cls, given)
        except ArgumentError as error:
            raise damaged("a name", given) from error
        return given


def damaged(what: str, data: Any) -> FileError:
    """The error for data that no `save` writes."""
    return FileError(f"The file is damaged: {what} is not what unidl writes.", received=reprlib.repr(data)[:200])

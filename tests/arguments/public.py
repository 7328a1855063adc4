"""Every public constructor, function and method with its parameters, and what of it takes no argument that could be wrong."""

import importlib
import inspect
import types
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import unidl

# what is left out -> why
EXEMPT = {
    "unidl.BackendRecord": "unidl makes it: a result",
    "unidl.History*": "unidl makes it: a result",
    "unidl.Inspection": "unidl makes it: a result",
    "unidl.Inspection.*": "of a result; tests/insight",
    "unidl.UnidlError*": "an error",
    "unidl.errors.*": "an error",
    "unidl.testing.Proof": "unidl makes it: a result",
    "unidl.testing.Trial*": "check_layer makes it",
    "unidl.ops.*": "an op checks its operands by its rule: tests/ops",
    "unidl.data.Source": "what a subclass writes",
    "unidl.data.*.*": "the Trainer asks it",
    "unidl.Sequential.*": "model.replace and the trace call it",
    "unidl.layers.*.forward": "tensors, which ops check",
    "unidl.Layer.*": "for use in setup and forward: tests/errors/test_descriptions.py",
    "unidl.layers.*.setup": "shapes, which the trace brings",
    "unidl.losses.*.*": "tensors, which ops and tests/conformance check",
    "unidl.metrics.*.*": "tensors, which ops and tests/conformance check",
    "unidl.optimizers.*.*": "tensors, which the Trainer brings",
    "unidl.callbacks.*.*": "the Trainer calls it",
    "unidl.initializers.draw": "the build calls it",
    "unidl.lowering": "tests/conformance/test_check_layer.py",
    "unidl.Trainer.training_step": "what a subclass writes",
    "unidl.Trainer.validation_step": "what a subclass writes",
    "unidl.Trainer.predict_step": "what a subclass writes",
    "unidl.Trainer.measure": "tensors, which metrics check",
    "unidl.Trainer.minimize": "test_calls.py: it works in a training step only",
    "unidl.Model": "makes a functional model: test_calls.py",
    "unidl.register": "test_calls.py",
    "unidl.to_numpy": "test_calls.py",
    "unidl.plot": "test_calls.py",
}


@dataclass(frozen=True)
class Parameter:
    """One parameter of something public.

    Args:
        path: Whose: "unidl.layers.Dense", "unidl.Trainer.fit".
        name: Its name.
        annotation: As it is written.
        required: Whether it has no default.
        several: Whether it takes any number of values.
    """

    path: str
    name: str
    annotation: str
    required: bool
    several: bool

    def __str__(self) -> str:
        return f"{self.path}({self.name})"


def exempt(path: str) -> bool:
    """Whether a thing is left out."""
    return any(fnmatchcase(path, pattern) for pattern in EXEMPT)


def things() -> Iterator[tuple[str, Callable[..., Any]]]:
    """Public constructors, functions and methods, each under its first name."""
    seen: set[int] = set()
    for path, value in _named():
        if id(value) in seen:
            continue
        seen.add(id(value))
        if not inspect.isclass(value):
            if callable(value):
                yield path, value
            continue
        yield path, value
        for name, member in vars(value).items():
            if not name.startswith("_") and inspect.isfunction(member):
                yield f"{path}.{name}", member


def _named() -> Iterator[tuple[str, Any]]:
    for name in unidl.__all__:
        value = getattr(unidl, name)
        if not inspect.ismodule(value):
            yield f"unidl.{name}", value
            continue
        module = importlib.import_module(value.__name__)
        for inner, item in sorted(vars(module).items()):
            home = getattr(item, "__module__", "") or ""
            if not inner.startswith("_") and not isinstance(item, types.ModuleType) and home.startswith("unidl"):
                yield f"unidl.{name}.{inner}", item


def parameters(path: str, thing: Callable[..., Any]) -> Iterator[Parameter]:
    """The parameters of a constructor, function or method."""
    function: Any = thing.__init__ if inspect.isclass(thing) else thing
    if function is object.__init__:
        return
    for name, found in inspect.signature(function).parameters.items():
        if name == "self" or found.kind is found.VAR_KEYWORD:
            continue
        several = found.kind is found.VAR_POSITIONAL
        written = (
            found.annotation
            if isinstance(found.annotation, str)
            else getattr(found.annotation, "__name__", str(found.annotation))
        )
        yield Parameter(path, name, written, found.default is found.empty and not several, several)


def every_parameter() -> list[Parameter]:
    """All of them, those left out not."""
    return [parameter for path, thing in things() if not exempt(path) for parameter in parameters(path, thing)]

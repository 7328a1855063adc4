"""One description of a model and its training; three native programs: TensorFlow, Keras, PyTorch.

`import unidl` loads no framework and next to nothing else: a public name is imported when it is first asked for (PEP 562).
"""

import importlib
import importlib.util
from typing import TYPE_CHECKING, Any

# the same table as below, as a type checker and an editor read it; tests/architecture keeps the two equal
if TYPE_CHECKING:
    from unidl import callbacks as callbacks
    from unidl import data as data
    from unidl import errors as errors
    from unidl import initializers as initializers
    from unidl import layers as layers
    from unidl import losses as losses
    from unidl import metrics as metrics
    from unidl import ops as ops
    from unidl import optimizers as optimizers
    from unidl import schedules as schedules
    from unidl import testing as testing
    from unidl.backends.conversion import to_numpy as to_numpy
    from unidl.backends.lowering import lowering as lowering
    from unidl.backends.selection import BackendRecord as BackendRecord
    from unidl.backends.selection import available as available
    from unidl.backends.selection import backend as backend
    from unidl.backends.selection import set_backend as set_backend
    from unidl.backends.selection import using as using
    from unidl.description.encoding import register as register
    from unidl.description.layer import Layer as Layer
    from unidl.errors import UnidlError as UnidlError
    from unidl.gradient import grad as grad
    from unidl.gradient import jit as jit
    from unidl.gradient import value_and_grad as value_and_grad
    from unidl.insight import Inspection as Inspection
    from unidl.insight import inspect as inspect
    from unidl.insight import plot as plot
    from unidl.insight.comparisons import compare as compare
    from unidl.interchange import convert as convert
    from unidl.interchange import eject as eject
    from unidl.interchange import export as export
    from unidl.interchange import load_weights as load_weights
    from unidl.interchange import source as source
    from unidl.models import Input as Input
    from unidl.models import Model as Model
    from unidl.models import Sequential as Sequential
    from unidl.models import load as load
    from unidl.training import History as History
    from unidl.training import Trainer as Trainer

__version__ = "0.1.0"

_SUBPACKAGES = (
    "callbacks", "data", "errors", "initializers", "layers", "losses", "metrics", "ops", "optimizers", "schedules",
    "testing",
)  # fmt: skip

_HOMES = {
    "BackendRecord": "unidl.backends.selection",
    "History": "unidl.training",
    "Input": "unidl.models",
    "Inspection": "unidl.insight",
    "Layer": "unidl.description.layer",
    "Model": "unidl.models",
    "Sequential": "unidl.models",
    "Trainer": "unidl.training",
    "UnidlError": "unidl.errors",
    "available": "unidl.backends.selection",
    "backend": "unidl.backends.selection",
    "compare": "unidl.insight.comparisons",
    "convert": "unidl.interchange",
    "eject": "unidl.interchange",
    "export": "unidl.interchange",
    "grad": "unidl.gradient",
    "inspect": "unidl.insight",
    "jit": "unidl.gradient",
    "load": "unidl.models",
    "load_weights": "unidl.interchange",
    "lowering": "unidl.backends.lowering",
    "plot": "unidl.insight",
    "register": "unidl.description.encoding",
    "set_backend": "unidl.backends.selection",
    "source": "unidl.interchange",
    "to_numpy": "unidl.backends.conversion",
    "using": "unidl.backends.selection",
    "value_and_grad": "unidl.gradient",
}

__all__ = sorted((*_SUBPACKAGES, *_HOMES))  # noqa: PLE0605  (made of the tables, so that it cannot differ from them)


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return _imported(f"unidl.{name}")
    if name in _HOMES:
        value = getattr(_imported(_HOMES[name]), name)
        globals()[name] = value  # asked for once only
        return value
    if importlib.util.find_spec(f"unidl.{name}") is not None:
        raise AttributeError(name)  # `from unidl import settings` asks here first, and imports the module when told no
    raise _missing(name)


def _imported(module: str) -> Any:
    """A module of unidl; where that fails because another project's files lie over these, the error says so."""
    try:
        return importlib.import_module(module)
    except (ImportError, AttributeError) as error:
        problem = importlib.import_module("unidl.distribution").problem()
        if problem is not None:
            error.add_note(problem)
        raise


def _missing(name: str) -> AttributeError:
    """The error for a name that unidl does not have, with its way for it, wherever that lies."""
    habits = importlib.import_module("unidl.habits")
    return habits.missing("unidl", name, habits.TOP, dict.fromkeys(__all__), habits.FAMILIES)  # type: ignore[no-any-return]


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""The same model on another backend, in another precision, on another device."""

from __future__ import annotations

from typing import Any, Protocol, Self, TypeVar, cast, runtime_checkable

from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, NotBuiltError
from unidl.models import Model
from unidl.models.change import copy
from unidl.settings import Choice


@runtime_checkable
class Convertible(Protocol):
    """What can say itself how it goes to another backend: a Trainer."""

    def converted(self, backend: str, device: str | None, precision: str | None) -> Self:
        """The same on another backend."""


What = TypeVar("What", bound=Any)


@told_arguments
def convert(model: What, backend: str, device: str | None = None, precision: str | None = None) -> What:
    """A new model with the same description, weights and frozen layers; the one given stays as it is.

    A Trainer is converted with its model, the optimizers' states and all its counters: training goes on in the other framework
    as it would have here.

    Args:
        model: A built model, or a Trainer of one.
        backend: Name of the backend for the new one; the model's own, to change only the precision or the device.
        device: "cpu", "gpu", "gpu:1" or "auto"; None is "auto", or on the same backend the model's own.
        precision: The floating dtype; None is the model's own. Weights are rounded once.

    Raises:
        NotBuiltError: The model has no weights yet.
        ArgumentError: It is neither a model nor a Trainer.
        BackendUnavailableError: The backend is missing, misspelt or broken.

    Example:
        >>> import unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend="torch")
        >>> twin = unidl.convert(m, "tensorflow")
        >>> twin.backend, bool((twin.weights()["dense/kernel"] == m.weights()["dense/kernel"]).all())
        ('tensorflow', True)
        >>> trainer = unidl.Trainer(m, loss="mse")
        >>> unidl.convert(trainer, "tensorflow").model.backend
        'tensorflow'
    """
    registry.check(Choice(backend, "the argument backend="))
    if not isinstance(model, Model):
        if not isinstance(model, Convertible):
            raise ArgumentError(
                "convert takes a model or a Trainer of unidl's.",
                received=type(model).__name__,
                fix="Give the unidl model itself, not model.native.",
            )
        return cast(What, model.converted(backend, device, precision))
    if not model.is_built:
        raise NotBuiltError(
            f"{model.name!r} is not built, so there are no weights to convert.",
            fix=f"model.build(…, backend={backend!r}).",
        )
    converted: What = copy(model, backend, device, precision)
    return converted

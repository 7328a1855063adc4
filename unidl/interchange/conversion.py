"""The same model on another backend, in another precision, on another device."""

from __future__ import annotations

from typing import TypeVar

from unidl.errors import NotBuiltError
from unidl.models import Model
from unidl.models.change import copy

AnyModel = TypeVar("AnyModel", bound=Model)


def convert(model: AnyModel, backend: str, device: str | None = None, precision: str | None = None) -> AnyModel:
    """A new model with the same description, weights and frozen layers; the one given stays as it is.

    Args:
        model: A built model.
        backend: Name of the backend for the new one; the model's own, to change only the precision or the device.
        device: "cpu", "gpu", "gpu:1" or "auto"; None is "auto", or on the same backend the model's own.
        precision: The floating dtype; None is the model's own. Weights are rounded once.

    Raises:
        NotBuiltError: The model has no weights yet.
        BackendUnavailableError: The backend is missing, misspelt or broken.

    Example:
        >>> import unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend="torch")
        >>> twin = unidl.convert(m, "tensorflow")
        >>> twin.backend, bool((twin.weights()["dense/kernel"] == m.weights()["dense/kernel"]).all())
        ('tensorflow', True)
    """
    if not model.is_built:
        raise NotBuiltError(
            f"{model.name!r} is not built, so there are no weights to convert.",
            fix=f"model.build(…, backend={backend!r}).",
        )
    converted: AnyModel = copy(model, backend, device, precision)
    return converted

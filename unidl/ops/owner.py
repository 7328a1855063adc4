"""Whose tensors a call holds: found by their classes, at once where the class is known already."""

from __future__ import annotations

from types import EllipsisType
from typing import Any

import numpy as np

from unidl.backends import registry
from unidl.backends.contract import Backend
from unidl.graph.tensor import SymbolicTensor

UNSURE = object()
_PLAIN = (bool, int, float, str, slice, EllipsisType, np.ndarray, np.generic)  # owned by no framework
_SIMPLE = frozenset([bool, int, float, str, type(None)])
_families: list[tuple[tuple[type, ...], Backend]] = []
_exact: dict[type, Backend] = {}  # a tensor's very class -> its backend, found without asking each family


def _add_family(backend: Backend) -> None:
    # Keras comes last: on its TensorFlow and torch engines the tensors belong to those backends
    global _families, _exact  # new ones, for other threads look into the old ones meanwhile
    families = sorted([*_families, (backend.TENSOR_TYPES, backend)], key=lambda family: family[1].SHARES_TENSORS)
    exact: dict[type, Backend] = {}
    for types, owner in reversed(families):  # the first family that has a class owns it
        exact.update(dict.fromkeys(types, owner))
    _families, _exact = families, exact


registry.when_loaded(_add_family)


def backend_of_tensor(value: Any) -> Backend | None:
    """The backend of a framework's tensor; None of any other value."""
    exact = _exact.get(type(value))
    if exact is not None:
        return exact
    for types, backend in _families:
        if isinstance(value, types):
            return _known_as(backend, value)
    if isinstance(value, _PLAIN) or value is None or callable(value):
        return None
    name = registry.owner_of(value)
    if name is None:
        return None
    backend = registry.load(name)  # a framework's tensor whose backend was not loaded yet
    return _known_as(backend, value) if isinstance(value, backend.TENSOR_TYPES) else None


def _known_as(backend: Backend, value: Any) -> Backend:
    if not backend.is_compiling():
        _exact[type(value)] = backend
    return backend


def is_tensor(value: Any) -> bool:
    """Whether it is a framework's tensor."""
    return backend_of_tensor(value) is not None


def describe(values: Any, key: list[Any], owner: Any, by_value: bool) -> Any:
    """Append to `key` what a call depends on; the backend whose tensors these are, UNSURE where more is to be looked at.

    The values are tensors of one backend, known by their very classes, and Python's own; lists and tuples of them are described too.
    Of numbers that are operands (not `by_value`) the kind counts, and of an integer how many bits it has.
    """
    for value in values:
        kind = type(value)
        found = _exact.get(kind)
        if found is not None:
            if owner is not found:
                if owner is not None:
                    return UNSURE
                owner = found
            key += (value.shape, value.dtype)
        elif kind in _SIMPLE:
            if by_value:
                key += (kind, value)  # True, 1 and 1.0 are equal
            elif kind is int:
                key += (value < 0, (value if value >= 0 else ~value).bit_length())
            else:
                key.append(kind)
        elif kind is list or kind is tuple:
            key += (kind, len(value))
            owner = describe(value, key, owner, by_value)
            if owner is UNSURE:
                return owner
        else:
            return UNSURE
    return owner


def scan(values: Any, found: list[Any]) -> None:
    """Append to `found` the symbolic mark or the backend of each tensor in the nested values."""
    for value in values:
        if isinstance(value, SymbolicTensor):
            found.append(SymbolicTensor)
        elif isinstance(value, (list, tuple)):
            scan(value, found)
        elif isinstance(value, dict):
            scan(value.values(), found)
        else:
            backend = backend_of_tensor(value)
            if backend is not None:
                found.append(backend)

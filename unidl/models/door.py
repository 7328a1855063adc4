"""A built model's door: arrays become tensors of its backend and dtype, and what does not fit is told in the user's terms."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from unidl.backends import registry
from unidl.description.trace import check_signature
from unidl.errors import ArgumentError, BackendMismatchError, DtypeError, ShapeError
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec, dtype_name, is_float, is_integer
from unidl.models.build import Built

Take = Callable[[Built, Any, TensorSpec, str], Any]
_dtype_of_tensor = lru_cache(maxsize=128)(
    dtype_name
)  # of a framework's own dtype: a training step asks for the same few


def admit(
    built: Built, args: tuple[Any, ...], kwargs: dict[str, Any], share: bool = False
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The inputs as native tensors.

    Args:
        built: The model.
        args: Its inputs.
        kwargs: Those by name.
        share: Whether tensors may lie in the arrays' own memory (see Backend.to_tensor).

    Raises:
        ArgumentError: Inputs are missing or too many, or have another structure.
        ShapeError: Another number of axes, or a fixed axis of another length, than the model was built for.
        DtypeError: Floats for an integer input, or what is no number.
        BackendMismatchError: A tensor of another backend.
    """
    tensors = None if kwargs else _from_arrays(built, args, share)
    if tensors is not None:
        return tensors, {}
    return _each(built, args, kwargs, _shared if share else _tensor)


def _from_arrays(built: Built, args: tuple[Any, ...], share: bool) -> tuple[Any, ...] | None:
    """What most calls bring, arrays or tensors of the very dtypes and shapes that the model was built for; None where they are not."""
    expected = built.arrays
    if expected is None or len(args) != len(expected):
        return None
    backend, device, tensors = built.backend, built.device, []
    for value, (dtype, rest, name) in zip(args, expected, strict=True):
        shape = getattr(value, "shape", ())
        if not shape or shape[1:] != rest:
            return None
        if type(value) is np.ndarray:
            if value.dtype is not dtype:
                return None
            tensors.append(backend.to_tensor(value, name, device, share))
        elif isinstance(value, backend.TENSOR_TYPES) and _dtype_of_tensor(value.dtype) == name:  # of a training step's
            tensors.append(value)
        else:
            return None
    return tuple(tensors)


def inspect(built: Built, args: tuple[Any, ...]) -> None:
    """Refuse arrays as `admit` does, and convert nothing: for data that will come in batches.

    Raises:
        As `admit`.
    """
    _each(built, args, {}, _array)


def _each(
    built: Built, args: tuple[Any, ...], kwargs: dict[str, Any], take: Take
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    call = built.plan.calls[0]
    if len(args) != len(call.args) or kwargs.keys() != call.kwargs.keys():  # seldom: looking at a signature is slow
        check_signature(built.plan, args, kwargs)
    if len(args) > len(call.args):
        raise ArgumentError(
            f"{built.plan.title} was called with {len(args)} inputs, and was built for {len(call.args)}.",
            expected=str(len(call.args)),
            received=str(len(args)),
            fix="Build it with all the inputs that it is called with.",
        )
    admitted = tuple([_nest(built, value, call.args[i], f"input {i + 1}", take) for i, value in enumerate(args)])
    named = {key: _nest(built, value, call.kwargs.get(key), f"input {key!r}", take) for key, value in kwargs.items()}
    return admitted, named


def _nest(built: Built, value: Any, expected: Any, where: str, take: Take) -> Any:
    if isinstance(expected, (list, tuple)):
        if not isinstance(value, (list, tuple)) or len(value) != len(expected):
            raise _other_structure(built, f"a list of {len(expected)}", value, where)
        return type(expected)(
            [_nest(built, v, e, f"{where}[{i}]", take) for i, (v, e) in enumerate(zip(value, expected, strict=True))]
        )
    if isinstance(expected, dict):
        if not isinstance(value, dict) or set(value) != set(expected):
            raise _other_structure(built, f"a dict with the keys {sorted(expected)}", value, where)
        return {key: _nest(built, value[key], e, f"{where}[{key!r}]", take) for key, e in expected.items()}
    spec = getattr(expected, "spec", None)
    if spec is None:
        if isinstance(value, np.ndarray):
            return map_nest(lambda leaf: built.backend.to_tensor(leaf, device=built.device), value)
        return value
    return take(built, value, spec, where)


def _shared(built: Built, value: Any, spec: TensorSpec, where: str) -> Any:
    return _tensor(built, value, spec, where, share=True)


def _tensor(built: Built, value: Any, spec: TensorSpec, where: str, share: bool = False) -> Any:
    backend = built.backend
    if type(value) is np.ndarray:
        return backend.to_tensor(_array(built, value, spec, where), dtype=spec.dtype, device=built.device, share=share)
    if isinstance(value, backend.TENSOR_TYPES) or _engine_owns(built, value):
        _check_shape(built, tuple(value.shape), spec, where)
        dtype = dtype_name(value.dtype)
        if dtype != spec.dtype:
            raise DtypeError(
                f"{built.plan.title}, {where}: the tensor has another dtype than the model.",
                expected=spec.dtype,
                received=dtype,
                fix="Tensors are never cast at the door; cast it, or give a NumPy array, which is.",
            )
        return value
    owner = None if isinstance(value, np.ndarray) else registry.owner_of(value)
    if owner is not None:
        raise BackendMismatchError(
            f"{built.plan.title}, {where}: a tensor of {owner} was given to a model built for {backend.NAME}.",
            fix="unidl.to_numpy(tensor) makes an array that every backend takes.",
        )
    return backend.to_tensor(_array(built, value, spec, where), dtype=spec.dtype, device=built.device, share=share)


def _array(built: Built, value: Any, spec: TensorSpec, where: str) -> np.ndarray:
    try:
        array = np.asarray(value)
    except ValueError as error:  # lists of arrays, or of rows, that differ in length
        raise ShapeError(
            f"{built.plan.title}, {where}: the model takes one array, and these make none.",
            expected=f"an array of shape {spec.shape}",
            received=f"a {type(value).__name__} of parts that differ in shape",
        ) from error
    if array.dtype.kind not in "biuf":
        raise DtypeError(
            f"{built.plan.title}, {where}: these are no numbers.",
            expected=spec.dtype,
            received=f"{array.dtype} ({value!r:.60})",
        )
    if array.dtype.kind in "iu" and is_integer(spec.dtype) and not np.can_cast(array.dtype, spec.dtype) and array.size:
        bounds, low, high = np.iinfo(spec.dtype), array.min(), array.max()
        if low < bounds.min or high > bounds.max:
            raise DtypeError(
                f"{built.plan.title}, {where}: a number does not fit into {spec.dtype} and would wrap around.",
                expected=f"{bounds.min} to {bounds.max}",
                received=f"{low} to {high}",
            )
    if array.dtype.kind == "f" and not is_float(spec.dtype):
        raise DtypeError(
            f"{built.plan.title}, {where}: the model takes {spec.dtype}, and floating numbers would have to be cut.",
            expected=spec.dtype,
            received=str(array.dtype),
            fix=f'Convert them yourself: x.astype("{spec.dtype}").',
        )
    _check_shape(built, array.shape, spec, where)
    return array


def _engine_owns(built: Built, value: Any) -> bool:
    if isinstance(value, np.ndarray) or not built.backend.SHARES_TENSORS:
        return False
    owner = registry.owner_of(value)
    return owner is not None and built.backend.accepts_tensors_of(registry.load(owner))


def _check_shape(built: Built, shape: tuple[Any, ...], spec: TensorSpec, where: str) -> None:
    if len(shape) == len(spec.shape):
        for length, known in zip(shape, spec.shape, strict=True):
            if known is not None and length is not None and length != known:
                break
        else:
            return
    fix = "Give data of that shape, or build another model for this one."
    if len(shape) == len(spec.shape) - 1:
        fix = "Is the batch axis or the channel axis missing? x[None] adds the first, x[..., None] the last."
    raise ShapeError(
        f"{built.plan.title}, {where}: the data does not have the shape that the model was built for.",
        expected=f"{spec.shape} (None: any length)",
        received=str(tuple(shape)),
        fix=fix,
    )


def _other_structure(built: Built, expected: str, value: Any, where: str) -> ArgumentError:
    received = f"a dict with the keys {sorted(map(str, value))}" if isinstance(value, dict) else type(value).__name__
    if isinstance(value, (list, tuple)):
        received += f" of {len(value)}"
    return ArgumentError(
        f"{built.plan.title}, {where}: the inputs have another structure.", expected=expected, received=received
    )

"""Arrays by name, from a state_dict or a file of any framework."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import safetensors

from unidl.backends import registry
from unidl.backends.conversion import to_numpy
from unidl.backends.foreign import Stored
from unidl.errors import ArgumentError, DtypeError, FileError, MissingFileError
from unidl.files import checked_path
from unidl.settings import Choice


def read(source: Mapping[str, Any] | str | os.PathLike[str], layout: str | None) -> tuple[str, Mapping[str, Stored]]:
    """The backend whose layout the arrays have, and the arrays by name.

    Args:
        source: A mapping of names to tensors or arrays, or a file.
        layout: The backend's name, where the source does not say it.

    Raises:
        ArgumentError: Nobody says whose layout it is, or there is no reader for such a file.
        FileError: The file is damaged, or holds more than arrays.
        OSError: It cannot be read.
    """
    if layout is not None:
        registry.check(Choice(layout, "the argument layout="))
    if isinstance(source, Mapping):
        return _layout_of(source, layout), {str(name): _stored(str(name), value) for name, value in source.items()}
    if not isinstance(source, (str, os.PathLike)):
        raise ArgumentError(
            "load_weights reads arrays by name.",
            expected="a state_dict ({name: tensor}) or the path of a file",
            received=type(source).__name__,
            fix="module.state_dict() of a torch module; model.save_weights(path) of a Keras model.",
        )
    path = checked_path(source, "unidl.load_weights")
    if path.suffix == ".safetensors":
        return _safetensors(path, layout)
    for name, entry in registry.entries().items():
        if path.suffix in entry.weights:
            if not path.is_file() and not path.with_name(f"{path.name}.index").is_file():
                raise MissingFileError(f"load_weights: there is no file {str(path)!r}.")
            registry.check(Choice(name, f"the file {path.name!r}"))
            return layout or name, registry.load(name).READERS[path.suffix](path)
    endings = [suffix for entry in registry.entries().values() for suffix in entry.weights if suffix]
    raise ArgumentError(
        f"load_weights cannot read {str(path)!r}.",
        expected=f"a file that ends with {', '.join([*endings, '.safetensors'])}, or the prefix of a TensorFlow checkpoint",
        received=repr(path.suffix),
    )


def _layout_of(source: Mapping[str, Any], layout: str | None) -> str:
    if layout is not None:
        return layout
    owners = {registry.owner_of(value) for value in source.values()}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None:
        raise ArgumentError(
            "These arrays do not say in which framework's layout they are.",
            expected=f"layout= with one of {', '.join(registry.entries())}",
            fix='layout="torch" for a Linear kernel of (outputs, inputs), "keras" for (inputs, outputs).',
        )
    return owner


def _stored(name: str, value: Any) -> Stored:
    try:
        array = to_numpy(value)
    except DtypeError as error:
        raise ArgumentError(
            f"{name!r} is no array.", expected="a tensor or an array", received=type(value).__name__
        ) from error
    return Stored(tuple(array.shape), lambda: array)


def _safetensors(path: Path, layout: str | None) -> tuple[str, Mapping[str, Stored]]:
    try:
        file: Any = safetensors.safe_open(path, framework="np")
        metadata = file.metadata() or {}
        shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118  (no mapping)
    except safetensors.SafetensorError as error:
        raise FileError(f"{str(path)!r} is no whole safetensors file.", received=str(error)[:300]) from error
    written_by = {entry.safetensors: name for name, entry in registry.entries().items() if entry.safetensors}
    owner = layout or written_by.get(metadata.get("format", ""))
    if owner is None:
        raise ArgumentError(
            f"{str(path)!r} does not say in which framework's layout its arrays are.",
            expected=f"layout= with one of {', '.join(registry.entries())}",
            fix='layout="torch" for a Linear kernel of (outputs, inputs), "keras" for (inputs, outputs).',
        )
    deserialize: Any = safetensors.deserialize
    whole = cache(lambda: dict(deserialize(path.read_bytes())))

    def array(name: str) -> np.ndarray:
        kind = file.get_slice(name).get_dtype()
        if kind == "BF16":  # which NumPy has not: the upper half of a float32
            halves = np.frombuffer(whole()[name]["data"], "<u2").astype("<u4")
            return (halves << 16).view("<f4").reshape(shapes[name])
        try:
            found: np.ndarray = file.get_tensor(name)
        except (TypeError, KeyError) as error:
            raise FileError(
                f"{name!r} in {str(path)!r} is {kind}, which NumPy has not.", fix="Save it as float32."
            ) from error
        return found

    return owner, {name: Stored(shape, partial(array, name)) for name, shape in shapes.items()}

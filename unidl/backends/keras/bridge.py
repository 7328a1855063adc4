"""Weights of hand-written Keras models: how Keras' classes keep a layer, and its files. No class in a file is ever made."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator, Mapping
from itertools import count
from pathlib import Path
from typing import Any

import h5py

from unidl.backends.foreign import Foreign, Stored
from unidl.backends.keras.vanilla import vanilla_layer
from unidl.description.plan import LayerPlan
from unidl.errors import FileError

SEPARATOR = "/"
CHANNELS_FIRST = False

WEIGHTS = "model.weights.h5"  # in a .keras file
MAX_DEPTH = 64  # of groups in groups
MAX_GROUPS = 100_000  # met on the way: a group may stand in another twice, and that one in a third

# what legacy files call the parts of a layer
LEGACY = {
    "": "cell",
    "lstm_cell": "cell",
    "query": "query_dense",
    "key": "key_dense",
    "value": "value_dense",
    "attention_output": "output_dense",
}


def foreign(plan: LayerPlan) -> Foreign:
    """The layer's weights in Keras' own class, which has the canonical layout; of a layer that Keras has not, as they are."""
    found = vanilla_layer(plan)
    if found is None:
        return Foreign({name: weight.shape for name, weight in plan.weights.items()}, dict)
    layer, slots = found
    names: dict[str, list[str]] = {}
    for name, slot in slots.items():
        names.setdefault(slot.name.replace(".", "/"), []).append(name)
    aliases = {}
    for own, (name, *_) in names.items():
        part, _, last = own.rpartition("/")
        holder = getattr(layer, part) if part else layer
        kept = [*holder._trainable_variables, *holder._non_trainable_variables]  # as Keras numbers them in its files
        place = next(i for i, variable in enumerate(kept) if variable is slots[name].native)
        aliases[f"{part}/vars/{place}".lstrip("/")] = own
        aliases |= {f"{old}/{last}".lstrip("/"): own for old, new in LEGACY.items() if new == part}
    return Foreign(
        {own: tuple(slots[name].native.shape) for own, (name, *_) in names.items()},
        lambda arrays: {name: slots[name].canonical(array) for own, array in arrays.items() for name in names[own]},
        aliases,
        ("seed_generator/vars/0",),
    )


def read_h5(path: Path) -> Mapping[str, Stored]:
    """The weights in an HDF5 file of Keras, by the names of its layers.

    Raises:
        FileError: It is none.
    """
    return _in(path, path)


def read_keras(path: Path) -> Mapping[str, Stored]:
    """The weights in a `.keras` file.

    Raises:
        FileError: It is none, or its weights are compressed.
    """
    try:
        with zipfile.ZipFile(path) as zipped:
            info = zipped.getinfo(WEIGHTS)
            if info.compress_type != zipfile.ZIP_STORED or info.file_size > path.stat().st_size:
                raise FileError(
                    f"The weights in {str(path)!r} are compressed, and Keras stores them plainly.",
                    fix="Write the file with Keras; a compressed entry could unpack to any size.",
                )
            content = zipped.read(info)
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, EOFError, OSError) as error:
        raise FileError(
            f"{str(path)!r} is no whole .keras file.", received=f"{type(error).__name__}: {error}"[:300]
        ) from error
    return _in(io.BytesIO(content), path)


def _in(source: Any, path: Path) -> Mapping[str, Stored]:
    try:
        file = h5py.File(source, "r")
        if "layer_names" in file.attrs or "model_weights" in file:
            return dict(_legacy(file if "layer_names" in file.attrs else _group(file, "model_weights")))
        return dict(_walk(file, "", 0, count()))
    except (OSError, KeyError, ValueError, RuntimeError, TypeError, AttributeError) as error:
        raise FileError(
            f"{str(path)!r} holds no weights as Keras writes them.", received=f"{type(error).__name__}: {error}"[:300]
        ) from error


def _member(group: Any, key: str) -> Any:
    """What stands under a key; a link that leads out of the file, or in a circle, is nothing."""
    return group[key] if isinstance(group.get(key, getlink=True), h5py.HardLink) else None


def _group(group: Any, key: str) -> Any:
    found = _member(group, key)
    if not isinstance(found, h5py.Group):
        raise FileError(f"The file has no group {key!r}.")
    return found


def _walk(group: Any, path: str, depth: int, met: Iterator[int]) -> Iterator[tuple[str, Stored]]:
    """Keras' way: "layers" holds layers under names of its own, and each one's "vars" has the name that the user gave."""
    if depth > MAX_DEPTH or next(met) > MAX_GROUPS:
        raise FileError(f"The file nests groups deeper than {MAX_DEPTH}, or more than {MAX_GROUPS:,} of them.")
    for key in group:
        member = _member(group, key)
        if isinstance(member, h5py.Dataset):
            stored = _stored(member)
            if stored is not None:
                yield f"{path}{key}", stored
        elif isinstance(member, h5py.Group):
            if key == "layers":
                for inner in member:
                    layer = _group(member, inner)
                    yield from _walk(layer, f"{path}{_name(layer, inner)}/", depth + 1, met)
            else:
                yield from _walk(member, f"{path}{key}/", depth + 1, met)


def _name(layer: Any, key: str) -> str:
    variables = _member(layer, "vars")
    name = variables.attrs.get("name", key) if isinstance(variables, h5py.Group) else key
    return name if isinstance(name, str) else key


def _legacy(file: Any) -> Iterator[tuple[str, Stored]]:
    """The older way: each layer's group says the names of its weights."""
    for name in file.attrs["layer_names"]:
        layer = _group(file, _text(name))
        for weight in layer.attrs["weight_names"]:
            given = _text(weight)
            found: Any = layer
            for part in given.split("/"):
                found = _member(found, part)
            stored = _stored(found) if isinstance(found, h5py.Dataset) else None
            if stored is None:
                raise FileError(f"The file has no array {given!r}.")
            scope, slash, own = given.removesuffix(":0").partition(
                "/"
            )  # the scope may have a number more than the layer
            yield f"{_text(name)}/{own if slash else scope}", stored


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _stored(data: Any) -> Stored | None:
    """An array whose numbers stand in the file itself."""
    if data.external or data.is_virtual or data.dtype.kind not in "biuf":
        return None
    return Stored(tuple(data.shape), lambda: data[()])


READERS: dict[str, Callable[[Path], Mapping[str, Stored]]] = {
    ".keras": read_keras,
    ".h5": read_h5,
    ".hdf5": read_h5,
}
"""How a file ends -> its reader."""

"""Whether a file's description rebuilds the model that is saved: a file has the constructor's arguments alone."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.description.layer import Layer
from unidl.description.trace import Tracer
from unidl.errors import NotSerializableError
from unidl.models.model import Model
from unidl.models.paths import leaves
from unidl.models.specs import inputs_of, weight_specs

if TYPE_CHECKING:
    from unidl.models.build import Built


def refuse_changed(layer: Layer, again: Layer, path: str) -> None:
    """Refuse a description that its constructor's arguments do not rebuild, naming the attribute."""
    where = f"{type(layer).__name__} {path or layer.name!r}"
    mine, theirs = _plain(layer), _plain(again)
    for name in sorted(mine.keys() | theirs.keys()):
        if name not in mine or name not in theirs or not _same(mine[name], theirs[name]):
            raise NotSerializableError(
                f"{where}: its attribute {name!r} is not what its constructor's arguments make of it, and a file holds only those.",
                expected=f"{name} = {theirs.get(name, 'not there')!r}"[:200],
                received=f"{name} = {mine.get(name, 'not there')!r}"[:200],
                fix=f"Give {name} to the constructor, or declare it as a weight or state in setup.",
            )
    below, rebuilt = dict(leaves(layer)), dict(leaves(again))
    if [(k, type(v)) for k, v in below.items()] != [(k, type(v)) for k, v in rebuilt.items()]:
        differing = sorted(k for k in below.keys() | rebuilt.keys() if type(below.get(k)) is not type(rebuilt.get(k)))
        raise NotSerializableError(
            f"{where}: its sublayers are not those that its constructor makes; {', '.join(differing)} differ.",
            fix="Make sublayers in __init__ from its arguments, or give them to it.",
        )
    for key, child in below.items():
        refuse_changed(child, rebuilt[key], f"{path}/{key}" if path else key)


def _plain(layer: Layer) -> dict[str, Any]:
    """The attributes that are simple values."""
    simple = (bool, int, float, str, tuple, list, dict, np.ndarray, type(None))
    held = layer.sublayers()
    return {
        k: v
        for k, v in vars(layer).items()
        if isinstance(v, simple) and k not in held and k not in ("_named", "_steps")
    }


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, (list, tuple)) and isinstance(b, (list, tuple)):
        return type(a) is type(b) and len(a) == len(b) and all(_same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(_same(value, b[key]) for key, value in a.items())
    if isinstance(a, np.ndarray) or isinstance(b, np.ndarray):
        return type(a) is type(b) and a.shape == b.shape and bool((a == b).all())
    plain = (bool, int, float, str, type(None))
    if isinstance(a, plain) and isinstance(b, plain):
        return a == b or repr(a) == repr(b) == "nan"
    return type(a) is type(b)


def refuse_other_weights(model: Model, again: Model, built: Built) -> None:
    """Refuse a description that would be rebuilt with other weights."""
    inputs, named = inputs_of(built)
    shapes = weight_specs(Tracer(built.precision).trace(again, inputs, named))
    mine = weight_specs(built.plan)
    if shapes != mine:
        differing = sorted(p for p in shapes.keys() | mine.keys() if shapes.get(p) != mine.get(p))
        raise NotSerializableError(
            f"{model.name!r} would be rebuilt with other weights than it has.",
            expected=", ".join(f"{p} {mine.get(p)}" for p in differing),
            received=", ".join(f"{p} {shapes.get(p)}" for p in differing),
            fix="Let the constructor's arguments say all that decides the weights' shapes.",
        )

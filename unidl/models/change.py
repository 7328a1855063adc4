"""Changing a model: copies, weights from another one, another layer in a place."""

from __future__ import annotations

import copy as copying
import difflib
from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl.arguments import shown
from unidl.backends.conversion import to_numpy
from unidl.description.layer import Layer
from unidl.errors import BackendMismatchError, NotSerializableError, WeightError
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec
from unidl.lazy_array import Array
from unidl.models.build import Built, build, fill_weights, weight_path
from unidl.models.calling import changing, reading
from unidl.models.paths import no_layer
from unidl.models.weights import lazy_weights
from unidl.within import within

if TYPE_CHECKING:
    from unidl.models.model import Model


# whether descriptions are being copied, without what was built of them
_describing: ContextVar[bool] = ContextVar("unidl_describing", default=False)


def describing() -> bool:
    """Whether a deepcopy in progress is of descriptions alone."""
    return _describing.get()


def copy(model: Model, backend: str | None, device: str | None, precision: str | None = None) -> Any:
    """A new model with the same description and weights (see Model.copy, and unidl.convert for `precision`)."""
    try:
        with within(_describing, True):
            new = copying.deepcopy(model)
    except (TypeError, ValueError, AttributeError, RecursionError, RuntimeError) as error:
        raise _not_copied(model, error) from error
    if not model.is_built:
        return new
    built = model._need_built()
    target = backend if backend is not None else built.backend.NAME
    if device is None:
        device = built.device_name if target == built.backend.NAME else "auto"
    made = _build_again(new, built, target, device, precision, initial={})
    if made.backend is built.backend and made.precision == built.precision:
        copy_weights(model, new, 0.0)
    else:
        fill_weights(made, lazy_weights(built))
    return new


def _not_copied(model: Model, error: Exception) -> NotSerializableError:
    """Which attribute of which layer cannot be copied: a lock, an open file, a generator."""
    for path, layer in (*reversed(list(model.layers.items())), ("", model)):  # inner ones first: outer ones hold them
        for name, value in vars(layer).items():
            try:
                if name != "_unidl" and name not in layer.sublayers():
                    copying.deepcopy(value)
            except (TypeError, ValueError, AttributeError, RecursionError, RuntimeError) as own:
                return NotSerializableError(
                    f"{type(layer).__name__} {path or layer.name!r}: its attribute {name!r} cannot be copied, so the model cannot.",
                    expected="attributes that copy.deepcopy copies",
                    received=f"a {type(value).__name__}: {own}",
                    fix=f"Make {name} where it is used, or keep it outside the description.",
                )
    return NotSerializableError(f"{model.name!r} cannot be copied.", received=f"{type(error).__name__}: {error}")


def _build_again(
    model: Model,
    like: Built,
    backend: str,
    device: str,
    precision: str | None = None,
    initial: Mapping[str, Array] | None = None,
) -> Built:
    """Build a model for the inputs of another build; None is that one's precision, and draws initial weights."""
    wanted = like.precision if precision is None else precision

    def spec(leaf: Any) -> Any:
        found = getattr(leaf, "spec", leaf)
        floating = isinstance(found, TensorSpec) and found.dtype == like.precision
        return TensorSpec(found.shape, wanted) if floating else found

    call = like.plan.calls[0]
    inputs, named = map_nest(spec, (call.args, call.kwargs))
    return build(
        model, inputs, named, backend=backend, device=device, precision=wanted, seed=like.seed, random=like.random,
        initial=initial,
    )  # fmt: skip


def checked_weights(name: str, built: Built, weights: Any, partial: bool) -> dict[str, np.ndarray]:
    """Weights by path as arrays (see Model.set_weights); refuses what does not fit before anything is written."""
    shapes = weight_shapes(built)
    if not isinstance(weights, Mapping):
        raise WeightError(
            f"Weights for {name!r} are given by path.",
            expected="{path: array}, as model.weights() gives them",
            received=type(weights).__name__,
        )
    unknown = [path for path in weights if path not in shapes]
    if unknown:
        close = difflib.get_close_matches(str(unknown[0]), shapes, n=1)
        raise WeightError(
            f"{name!r} has no weight {', '.join(map(repr, unknown))}.",
            expected=f"some of {', '.join(shapes)}",
            received=", ".join(map(str, weights)),
            fix=f"Did you mean {close[0]!r}?" if close else None,
        )
    missing = [path for path in shapes if path not in weights]
    if missing and not partial:
        raise WeightError(
            f"Weights for {name!r} are missing.",
            expected=f"all of {', '.join(shapes)}",
            received=f"none for {', '.join(missing)}",
            fix="model.set_weights(weights, partial=True) sets the ones given and leaves the others as they are.",
        )
    arrays = {path: _array(name, path, value) for path, value in weights.items()}
    wrong = [path for path, array in arrays.items() if array.shape != shapes[path]]
    if wrong:
        raise WeightError(
            f"Weights for {name!r} have another shape.",
            expected=", ".join(f"{path} {shapes[path]}" for path in wrong),
            received=", ".join(f"{path} {arrays[path].shape}" for path in wrong),
            fix="Kernels are (…, inputs, outputs), as in Keras; a torch weight is their transpose.",
        )
    strange = [path for path, array in arrays.items() if array.dtype.kind not in "biuf"]
    if strange:
        raise WeightError(
            f"Weights for {name!r} are no numbers.",
            expected="arrays of numbers",
            received=", ".join(f"{path} of dtype {arrays[path].dtype}" for path in strange),
        )
    return arrays


def _array(name: str, path: str, value: Any) -> np.ndarray:
    """A weight that somebody gave, as an array."""
    try:
        return np.asarray(value if isinstance(value, (list, tuple)) else to_numpy(value))
    except (ValueError, TypeError) as error:
        raise WeightError(
            f"The weight {path!r} for {name!r} is no array.",
            expected="an array of numbers, or lists of one length",
            received=f"{shown(value)} ({error})",
        ) from error


def copy_weights(source: Model, target: Model, decay: float) -> None:
    """target = decay * target + (1 - decay) * source, on the device (see Model.copy_from)."""
    mine, theirs = target._need_built(), source._need_built()
    if mine.backend is not theirs.backend:
        raise BackendMismatchError(
            f"copy_from: {target.name!r} is built for {mine.backend.NAME}, {source.name!r} for {theirs.backend.NAME}.",
            fix="model.set_weights(other.weights()) goes across backends.",
        )
    shapes, given = weight_shapes(mine), weight_shapes(theirs)
    if shapes != given:
        differing = sorted(p for p in shapes.keys() | given.keys() if shapes.get(p) != given.get(p))
        raise WeightError(
            "copy_from needs two models with the same weights.",
            expected=", ".join(f"{p} {shapes.get(p)}" for p in differing),
            received=", ".join(f"{p} {given.get(p)}" for p in differing),
        )
    floating = {weight_path(p, n): "float" in w.dtype for p in mine.plan.walk() for n, w in p.weights.items()}
    alone, still = changing(mine, "copy_from"), reading(theirs, "copy_from")
    in_order = mine.plan.access.root().number < theirs.plan.access.root().number
    with (
        alone if in_order else still,
        still if in_order else alone,
    ):  # two that copy from each other do not wait forever
        slots, sources = mine.slots(), theirs.slots()
        for path, slot in slots.items():
            value = sources[path].read()
            slot.write(slot.read() * decay + value * (1.0 - decay) if decay and floating[path] else value)


def weight_shapes(built: Built) -> dict[str, tuple[int, ...]]:
    """Path -> canonical shape of every weight."""
    return {weight_path(p, name): weight.shape for p in built.plan.walk() for name, weight in p.weights.items()}


def replace(model: Model, path: str, layer: Layer) -> None:
    """Put another layer in a place (see Model.replace); on any error the model is as it was."""
    known = model.layers
    if path not in known:
        raise no_layer(path, known)
    above = [p for p in known if path.startswith(f"{p}/")]
    ancestors: list[Layer] = [model, *(known[p] for p in above)]
    key = path[len(above[-1]) + 1 :] if above else path
    if not model.is_built:
        ancestors[-1].exchange_sublayer(key, layer)
        return
    with changing(model._need_built(), "replace"):
        _replace_built(model, path, layer, ancestors, key)


def _replace_built(model: Model, path: str, layer: Layer, ancestors: list[Layer], key: str) -> None:
    """The same for a built model, which nobody else uses."""
    built = model._need_built()
    values = {p: slot.read() for p, slot in built.slots().items()}
    before = [(ancestor, ancestor._unidl.built) for ancestor in ancestors]
    old = ancestors[-1].exchange_sublayer(key, layer)
    try:
        for ancestor in ancestors:  # they get new native objects; every other layer keeps its own
            ancestor._unidl.built = None
        made = _build_again(model, built, built.backend.NAME, built.device_name)
    except BaseException:
        ancestors[-1].exchange_sublayer(key, old)
        for ancestor, record in before:
            ancestor._unidl.built = record
        raise
    for weight, slot in made.slots().items():
        if weight in values and not weight.startswith(f"{path}/"):
            slot.write(values[weight])

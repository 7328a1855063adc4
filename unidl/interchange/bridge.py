"""Weights that people have already, from hand-written models of any framework, into a built model of the same architecture."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import numpy as np

from unidl import arguments
from unidl.backends import registry
from unidl.backends.foreign import Foreign, Stored
from unidl.capture import told_arguments
from unidl.description.plan import LayerPlan
from unidl.errors import ArgumentError, NotBuiltError, WeightError
from unidl.interchange.weight_source import read
from unidl.layers import Dense, Flatten
from unidl.models import Model
from unidl.models.build import weight_path
from unidl.models.paths import matching


@told_arguments
def load_weights(
    model: Model,
    source: Mapping[str, Any] | str | os.PathLike[str],
    names: Mapping[str, str] | None = None,
    layout: str | None = None,
    channels_first: bool | Iterable[str] | None = None,
    ignore: Iterable[str] = (),
    keep: Iterable[str] = (),
) -> dict[str, str]:
    """Fill a built model with the weights of a hand-written one of the same architecture; nothing is written unless all fits.

    An array is found by its name, never by its place in an order. `encoder.0.weight` is the weight of the layer `encoder/0`:
    where the two models call their layers alike, nothing needs to be said; else `names` says it.

    Args:
        model: A built model of any backend.
        source: A torch `state_dict`; or a file: `.pt` or `.pth` (of a state_dict), `.safetensors`, `.keras`, Keras'
            `.weights.h5` and `.h5`, or the prefix of a TensorFlow checkpoint. Reading runs no code of a file.
        names: Name or prefix in the source -> path of a layer or weight in the model. Both may have `*`, which stands for the
            same text in both: {"features.*": "body/*", "fc": "head"}. The longest prefix counts.
        layout: Whose arrays they are, "torch", "keras" or "tensorflow", where the source does not say so itself.
        channels_first: Which Dense layers behind a Flatten of images had that Flatten channels first, as torch models do: True
            (all), False (none), or patterns of their paths. Needed with torch's layout, as the shapes do not tell.
        ignore: Patterns of names in the source that are not wanted.
        keep: Paths or patterns of layers and weights in the model that stay as they are.

    Returns:
        Name in the source -> path of the layer that it went to.

    Raises:
        WeightError: Weights are missing, extra, or of another shape; it lists all of them.
        ArgumentError: An argument is missing, or a name or pattern in one fits nothing.
        FileError: The file is damaged, or holds more than arrays.
        NotBuiltError: The model has no weights yet.

    Example:
        >>> import torch, unidl
        >>> theirs = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
        >>> m = unidl.Sequential([unidl.layers.Dense(8, "relu"), unidl.layers.Dense(2)]).build((4,), backend="torch")
        >>> unidl.load_weights(m, theirs.state_dict(), names={"0": "dense", "2": "dense_2"})["2.bias"]
        'dense_2'
    Where the frameworks differ: torch has Linear kernels as (outputs, inputs), convolutions as OIHW, two biases in an LSTM, and
        query, key and value of an attention in one matrix.
    """
    arguments.instance(
        "load_weights", "model", model, Model, "a built model", "Give the unidl model itself, not model.native."
    )
    ignored = arguments.texts("load_weights", "ignore", ignore)
    kept_paths = arguments.texts("load_weights", "keep", keep)
    pairs = arguments.optional(arguments.mapping, "load_weights", "names", names) or {}
    if not all(isinstance(word, str) for pair in pairs.items() for word in pair):
        raise arguments.refuse(
            "load_weights", "names", "a dict of texts: {prefix in the source: path in the model}", names
        )
    if channels_first is not None and not arguments.is_flag(channels_first):
        arguments.texts("load_weights", "channels_first", channels_first)
    if not model.is_built:
        raise NotBuiltError(
            f"{model.name!r} is not built, so there is no place for weights.",
            fix="model.build((28, 28, 1)) with your input's shape first.",
        )
    owner, stored = read(source, layout)
    backend = registry.load(owner)
    plans = {p.path: p for p in model._need_built().plan.walk() if p.reached and p.weights}
    layers = {path: backend.foreign(plan) for path, plan in plans.items()}
    kept = _kept(plans, kept_paths)
    flattened = _flattened(model, backend, plans, channels_first)
    unused = [pattern for pattern in ignored if not any(fnmatchcase(name, pattern) for name in stored)]
    arguments.fits_something("load_weights", "ignore", unused, stored, "names in the source")
    wanted = {name: value for name, value in stored.items() if not any(fnmatchcase(name, p) for p in ignored)}
    places = _places(wanted, layers, names or {}, backend.SEPARATOR)
    _check(model, wanted, places, plans, layers, kept)
    weights: dict[str, np.ndarray] = {}
    for path, foreign in layers.items():
        arrays = {p.name: wanted[source].read() for source, p in places.items() if p.layer == path and p.name}
        if arrays:
            for name, array in foreign.canonical(arrays).items():
                fitting = _channels_last(array, flattened[path]) if path in flattened and name == "kernel" else array
                weights[weight_path(plans[path], name)] = fitting
    model.set_weights({path: array for path, array in weights.items() if path not in kept}, partial=True)
    return {source: place.layer for source, place in places.items() if place.name}


# -- where an array goes -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """Where an array goes.

    Args:
        layer: The layer's path.
        name: The framework's name for the weight there, its parts joined by "/"; "" for one that says nothing.
    """

    layer: str
    name: str


def _places(
    stored: Mapping[str, Stored], layers: Mapping[str, Foreign], names: Mapping[str, str], separator: str
) -> dict[str, Place]:
    """Name in the source -> its place, for those that have one."""
    rules = [_Rule(key, target, separator) for key, target in names.items()]
    found = {}
    for name in stored:
        parts = name.split(separator)
        for cut in range(len(parts), -1, -1):  # the longest prefix first
            prefix, rest = separator.join(parts[:cut]), "/".join(parts[cut:])
            targets = [target for rule in rules if (target := rule(prefix)) is not None]
            own = [prefix.replace(separator, "/")]
            place = next((p for t in targets or own if (p := _place(t, rest, layers)) is not None), None)
            if targets or place is not None:
                if place is not None:
                    found[name] = place
                break
    unused = [rule.key for rule in rules if not rule.used]
    if unused:
        raise ArgumentError(
            f"names= has what fits nothing in the source: {', '.join(map(repr, unused))}.",
            expected="names, prefixes or patterns of them",
            received=", ".join(list(stored)[:40]),
        )
    return found


class _Rule:
    """One entry of `names`."""

    def __init__(self, key: str, target: str, separator: str) -> None:
        if target.count("*") > key.count("*"):
            raise ArgumentError(
                f"names={{{key!r}: {target!r}}} has a * on the right that nothing on the left stands for.",
                expected="as many * as on the left",
            )
        self.key = key
        self.target = target
        self.used = False
        self._pattern = re.compile("(.+)".join(map(re.escape, key.split("*"))))
        self._separator = separator

    def __call__(self, prefix: str) -> str | None:
        """The path in the model, or None if the prefix does not fit."""
        match = self._pattern.fullmatch(prefix)
        if match is None:
            return None
        self.used = True
        texts = iter(match.groups())
        return re.sub(r"\*", lambda _: next(texts).replace(self._separator, "/"), self.target)


def _place(target: str, rest: str, layers: Mapping[str, Foreign]) -> Place | None:
    """The place for what is left of a name behind the prefix that leads to a target."""
    whole = "/".join(filter(None, (target, rest)))
    for path, foreign in layers.items():
        if path and not whole.startswith(f"{path}/"):
            continue
        name = whole[len(path) + 1 :] if path else whole
        name = foreign.aliases.get(name, name)
        if name in foreign.shapes:
            return Place(path, name)
        if name in foreign.spare:
            return Place(path, "")
    return None


def _kept(plans: Mapping[str, LayerPlan], keep: Iterable[str]) -> set[str]:
    paths = [weight_path(plan, name) for plan in plans.values() for name in plan.weights]
    above = {path.rpartition("/")[0] for path in paths}
    prefixes = {"/".join(path.split("/")[:n]) for path in above for n in range(1, path.count("/") + 2)}
    return {path for pattern in keep for path in matching([*sorted(prefixes), *paths], pattern)} & set(paths)


def _check(
    model: Model,
    stored: Mapping[str, Stored],
    places: Mapping[str, Place],
    plans: Mapping[str, LayerPlan],
    layers: Mapping[str, Foreign],
    kept: set[str],
) -> None:
    """Refuse what does not fit, all of it at once."""
    by_place: dict[Place, list[str]] = {}
    for source, place in places.items():
        if place.name:
            by_place.setdefault(place, []).append(source)
    told = []
    for path, foreign in layers.items():
        stays = all(weight_path(plans[path], name) in kept for name in plans[path].weights)
        for name, shape in foreign.shapes.items():
            sources = by_place.get(Place(path, name), [])
            where = "/".join(filter(None, (path, name)))
            if not sources and not stays:
                told.append(f"missing: {where} {shape}")
            if len(sources) > 1:
                told.append(f"twice: {where}, from {', '.join(sources)}")
            told += [
                f"another shape: {source} {stored[source].shape}, where {where} is {shape}"
                for source in sources
                if stored[source].shape != shape
            ]
    told += [f"extra: {source} {value.shape}" for source, value in stored.items() if source not in places]
    if told:
        raise WeightError(
            f"The weights do not fit {model.name!r}, and nothing was written:\n  " + "\n  ".join(told),
            fix="names={prefix in the source: path in the model} says what belongs together; ignore= leaves out names of the "
            "source, keep= layers of the model. model.layers shows the paths.",
        )


# -- images that were flattened channels first -------------------------------------------------------------------------------


def _flattened(
    model: Model, backend: Any, plans: Mapping[str, LayerPlan], asked: bool | Iterable[str] | None
) -> dict[str, tuple[int, ...]]:
    """Path of a Dense -> shape of the image that was flattened before it, where the source had it channels first."""
    images: dict[int, set[tuple[int, ...]]] = {}
    for plan in model._need_built().plan.walk():
        if isinstance(plan.layer, Flatten) and plan.reached:
            for call in plan.calls:
                shape = call.args[0].shape[1:]
                if len(shape) > 1 and None not in shape and shape[-1] > 1 and np.prod(shape[:-1]) > 1:
                    images.setdefault(int(np.prod(shape)), set()).add(shape)
    affected = {
        path: images[plan.weights["kernel"].shape[0]]
        for path, plan in plans.items()
        if isinstance(plan.layer, Dense) and plan.weights["kernel"].shape[0] in images
    }
    if not backend.CHANNELS_FIRST or not affected:
        return {}
    if asked is None:
        raise ArgumentError(
            f"{', '.join(affected)} may stand behind a Flatten of images, and the shapes do not tell in which order the source "
            "flattened them.",
            expected="channels_first=",
            fix="channels_first=True if the source flattens (channels, height, width), as torch models do; False if it "
            "flattens channels last; or the paths of the Dense layers for which it is so.",
        )
    if isinstance(asked, bool):
        chosen = list(affected) if asked else []
    else:
        chosen = [path for pattern in asked for path in matching(list(affected), pattern)]
    several = [path for path in chosen if len(affected[path]) > 1]
    if several:
        raise ArgumentError(
            f"{', '.join(several)} may stand behind Flattens of different images: {affected[several[0]]}.",
            fix="Name each layer's weights yourself: model.set_weights({path: array}) with its rows in order.",
        )
    return {path: next(iter(affected[path])) for path in chosen}


def _channels_last(kernel: np.ndarray, image: tuple[int, ...]) -> np.ndarray:
    """(channels * height * width, units) -> (height * width * channels, units)."""
    *space, channels = image
    rows = kernel.reshape(channels, *space, -1)
    return np.ascontiguousarray(np.moveaxis(rows, 0, -2)).reshape(kernel.shape)

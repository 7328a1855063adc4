"""Models in files: `model.save(path)` and `unidl.load(path)`.

A file holds the description, the inputs it was built for, and the weights in canonical layout. It does not know a backend.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from unidl import layers
from unidl.backends import registry
from unidl.description.encoding import REGISTERED, Decoder, Encoder, damaged
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.description.trace import Tracer, limited
from unidl.errors import FileError, NotSerializableError
from unidl.files import Archive, join, read, split, write
from unidl.graph.node import map_nest
from unidl.graph.spec import FLOATS, TensorSpec
from unidl.models.build import build, weight_path
from unidl.models.functional import Functional
from unidl.models.model import Model
from unidl.models.paths import leaves
from unidl.models.sequential import Sequential

if TYPE_CHECKING:
    from unidl.models.build import Built

FORMAT = "unidl model"
VERSION = 1
MAX_STEPS = 50_000  # calls of layers and steps of graphs that reading a file may trace: some seconds

# From each version to the next: a function of the document. The first version has none yet.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

# Names under which files know unidl's own classes.
OWN: dict[str, type] = {
    **{f"unidl.{name}": cls for name, cls in vars(layers).items() if isinstance(cls, type) and cls is not Layer},
    "unidl.Sequential": Sequential,
    "unidl.Functional": Functional,
}


def save(model: Model, path: str | os.PathLike[str], training: Any = None) -> None:
    """Write a model (see Model.save).

    Args:
        model: The model.
        path: The file.
        training: What a Trainer's `state` gave, to be written beside it. A description that cannot be written does not hinder
            that: the file then holds the training alone, and why.
    """
    if training is None:
        write(path, packed(model))
        return
    try:
        archive = packed(model)
    except NotSerializableError as error:
        archive = Archive({"format": FORMAT, "version": VERSION, "no_description": str(error)})
    rest = {name: value for name, value in training.items() if name != "weights"}
    archive.document["training"], archive.training = split(rest)
    archive.weights = training["weights"]
    write(path, archive)


def training_of(path: str | os.PathLike[str]) -> dict[str, Any]:
    """What `save` was given as `training`.

    Raises:
        FileError: The file is damaged or foreign, or holds no training.
    """
    archive = read(path)
    document = _migrated(archive.document)
    training = document.get("training")
    if not isinstance(training, dict):
        raise FileError(
            f"{os.fspath(path)!r} holds no training.", expected="a file that a Trainer or a Checkpoint wrote"
        )
    return {"weights": archive.weights, **join(training, archive.training)}


def packed(model: Model) -> Archive:
    """What a file holds of a model."""
    encoder = Encoder({**{cls: name for name, cls in OWN.items()}, **{cls: name for name, cls in REGISTERED.items()}})
    root = encoder.add(model, f"the model {model.name!r}")
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "objects": encoder.objects,
        "root": root,
        "built": None,
    }
    classes = {**OWN, **REGISTERED}
    again = Decoder(encoder.objects, encoder.constants, classes).made[root]
    _refuse_changed(model, again, "")
    weights: dict[str, np.ndarray] = {}
    if model.is_built:
        built = model._need_built()
        inputs, named = _inputs(built)
        document["built"] = {
            "precision": built.precision,
            "seed": built.seed,
            "random": built.random,
            "inputs": encoder.encode(inputs, "the inputs"),
            "named_inputs": encoder.encode(named, "the inputs"),
        }
        _refuse_other_weights(model, again, built)
        weights = model.weights()
    return Archive(document, weights, encoder.constants)


def _inputs(built: Built) -> tuple[Any, Any]:
    call = built.plan.calls[0]
    inputs, named = map_nest(lambda leaf: getattr(leaf, "spec", leaf), (call.args, call.kwargs))
    return inputs, named


def _refuse_changed(layer: Layer, again: Layer, path: str) -> None:
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
        _refuse_changed(child, rebuilt[key], f"{path}/{key}" if path else key)


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


def _refuse_other_weights(model: Model, again: Model, built: Built) -> None:
    inputs, named = _inputs(built)
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


def weight_specs(plan: LayerPlan) -> dict[str, TensorSpec]:
    """Path -> shape and dtype of every weight."""
    return {weight_path(p, n): TensorSpec(w.shape, w.dtype) for p in plan.walk() for n, w in p.weights.items()}


def load(
    path: str | os.PathLike[str],
    backend: str | None = None,
    device: str | None = None,
    classes: Iterable[type] = (),
) -> Model:
    """A model from a file that `model.save` wrote, built for a backend with its weights.

    Reading executes nothing from the file: it holds numbers, names of registered classes, and their arguments.

    Args:
        path: The file.
        backend: Its name; None is the one in force.
        device: "cpu", "gpu", "gpu:1" or "auto".
        classes: Classes of your own that are not registered with `@unidl.register`, found by their names.

    Raises:
        FileError: The file is damaged, foreign, or holds a class that is not known here.
        BackendUnavailableError: The backend is missing, misspelt or broken.

    Example:
        >>> import os, tempfile, unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((3,))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     m.save(os.path.join(folder, "m.unidl"))
        ...     twin = unidl.load(os.path.join(folder, "m.unidl"))
        >>> bool((twin.weights()["dense/kernel"] == m.weights()["dense/kernel"]).all())
        True
    """
    with limited(MAX_STEPS):
        return _load(path, backend, device, classes)


def _load(path: str | os.PathLike[str], backend: str | None, device: str | None, classes: Iterable[type]) -> Model:
    archive = read(path)
    document = _migrated(archive.document)
    if "no_description" in document:
        raise FileError(
            f"{os.fspath(path)!r} is a checkpoint of a model whose description could not be written.",
            received=str(document["no_description"]),
            fix="Make the model and a Trainer, and go on with fit(…, resume=True).",
        )
    known = {**OWN, **REGISTERED, **{cls.__name__: cls for cls in classes}}
    decoder = Decoder(document.get("objects"), archive.constants, known)
    model = decoder.decode({"$": "object", "index": document.get("root")})
    if not isinstance(model, Model):
        raise damaged("the root", document.get("root"))
    built = document.get("built")
    if built is None:
        return model
    if not isinstance(built, dict) or built.get("precision") not in FLOATS or not isinstance(built.get("seed"), int):
        raise damaged("the build", built)
    random = built.get("random", "native")  # a file of the first versions does not say
    if random not in ("native", "portable"):
        raise damaged("the build", built)
    inputs, named = decoder.decode(built.get("inputs")), decoder.decode(built.get("named_inputs"))
    if not isinstance(inputs, tuple) or not isinstance(named, dict):
        raise damaged("the inputs", built.get("inputs"))
    registry.load(backend)  # so that a missing framework is told as such
    with _file_at_fault():
        _compare(model, inputs, named, built["precision"], archive.weights)
        build(
            model, inputs, named, backend=backend, device=device, precision=built["precision"], seed=built["seed"],
            random=random, initial=archive.weights,
        )  # fmt: skip
    return model


@contextmanager
def _file_at_fault() -> Iterator[None]:
    """What a constructor, a forward or a framework raises on arguments that no `save` writes is the file's fault."""
    try:
        yield
    except (
        TypeError,
        ValueError,
        KeyError,
        IndexError,
        AttributeError,
        OverflowError,
        RecursionError,
        RuntimeError,
    ) as error:
        if isinstance(error, FileError):
            raise
        raise FileError(
            "The file's description cannot be built.", received=f"{type(error).__name__}: {error}"
        ) from error


def _migrated(document: dict[str, Any]) -> dict[str, Any]:
    if document.get("format") != FORMAT:
        raise FileError(
            "This is no file of a unidl model.", expected=FORMAT, received=repr(document.get("format"))[:100]
        )
    version = document.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or not 1 <= version <= VERSION:
        raise FileError(
            "The file has a version that this unidl does not know.",
            expected=f"1 to {VERSION}",
            received=repr(version)[:100],
            fix="Install a newer unidl.",
        )
    for step in range(version, VERSION):
        document = MIGRATIONS[step](document)
    return document


def _compare(model: Model, inputs: Any, named: Any, precision: str, weights: dict[str, np.ndarray]) -> None:
    """Trace the description, which takes no memory, and compare with the arrays that the file really holds."""
    expected = weight_specs(Tracer(precision).trace(model, inputs, named))
    have = {p: (tuple(a.shape), a.dtype.name) for p, a in weights.items()}
    want = {p: (s.shape, "float32" if s.dtype == "bfloat16" else s.dtype) for p, s in expected.items()}
    if have != want:
        differing = sorted(p for p in have.keys() | want.keys() if have.get(p) != want.get(p))
        raise FileError(
            "The file's weights are not those of its description.",
            expected=", ".join(f"{p} {want.get(p, 'none')}" for p in differing)[:400],
            received=", ".join(f"{p} {have.get(p, 'none')}" for p in differing)[:400],
        )

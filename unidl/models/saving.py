"""Models in files: `model.save(path)` and `unidl.load(path)`.

A file holds the description, the inputs it was built for, and the weights in canonical layout. It does not know a backend.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from unidl import arguments, layers
from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.description.encoding import REGISTERED, Decoder, Encoder, damaged
from unidl.description.layer import Layer
from unidl.description.plan import LayerPlan
from unidl.errors import FileError, NotSerializableError
from unidl.files import Archive, checked_path, dump, join, opened, refuse_foreign_ending, split, write
from unidl.graph.limit import limited
from unidl.graph.spec import FLOATS
from unidl.lazy_array import whole
from unidl.models.build import build, traced
from unidl.models.calling import reading
from unidl.models.faithful import refuse_changed, refuse_other_weights
from unidl.models.functional import Functional
from unidl.models.model import Model
from unidl.models.sequential import Sequential
from unidl.models.specs import inputs_of, weight_specs
from unidl.models.weights import lazy_weights
from unidl.settings import chosen_device

FORMAT = "unidl model"
VERSION = 1
MAX_COST = 500_000  # of what reading a file may trace (unidl.graph.limit): about 10,000 layers, some seconds

# From each version to the next: a function of the document. The first version has none yet.
MIGRATIONS: dict[int, Callable[[dict[str, Any]], dict[str, Any]]] = {}

# Names under which files know unidl's own classes.
OWN: dict[str, type] = {
    **{f"unidl.{name}": cls for name, cls in vars(layers).items() if isinstance(cls, type) and cls is not Layer},
    "unidl.Sequential": Sequential,
    "unidl.Functional": Functional,
}


def save(
    model: Model, path: str | os.PathLike[str], training: Mapping[str, Any] | None = None, what: str = "model.save"
) -> None:
    """Write a model (see Model.save).

    Args:
        model: The model.
        path: The file.
        training: What a Trainer's `state` gave, to be written beside it. A description that cannot be written does not hinder
            that: the file then holds the training alone, and why.
        what: What was attempted, for messages.
    """
    target = checked_path(path, what)
    refuse_foreign_ending(target, what)
    with reading(model._need_built(), what) if model.is_built else nullcontext():
        _save(model, target, training, what)


def _save(model: Model, target: Path, training: Mapping[str, Any] | None, what: str) -> None:
    if training is None:
        write(target, packed(model), what)
        return
    document, arrays = split({name: value for name, value in training.items() if name != "weights"})
    try:
        archive = packed(model)
        archive.document["training"] = document
        dump(archive.document)
    except NotSerializableError as error:
        archive = Archive({"format": FORMAT, "version": VERSION, "no_description": str(error), "training": document})
    archive.training, archive.weights = arrays, training["weights"]
    write(target, archive, what)


@contextmanager
def opened_training(path: str | os.PathLike[str], what: str) -> Iterator[dict[str, Any]]:
    """What `save` was given as `training`; its arrays are lazy, and can be read inside the block.

    Raises:
        FileError: The file is damaged or foreign, or holds no training.
    """
    target = checked_path(path, what)
    with opened(target, what) as archive:
        training = _migrated(archive.document).get("training")
        if not isinstance(training, dict):
            raise FileError(
                f"{what}: {str(target)!r} holds no training.", expected="a file that a Trainer or a Checkpoint wrote"
            )
        yield {**join(training, archive.training), "weights": archive.weights}


def packed(model: Model) -> Archive:
    """What a file holds of a model; its weights are read when they are written.

    Raises:
        NotSerializableError: Something of it cannot be written, or a file of it would be refused.
    """
    encoder = Encoder({**{cls: name for name, cls in OWN.items()}, **{cls: name for name, cls in REGISTERED.items()}})
    try:
        with limited(MAX_COST):
            return _packed(model, encoder)
    except (FileError, RecursionError) as error:
        raise NotSerializableError(
            f"{model.name!r} is too large or too deep for a file's description.",
            received=error.attempted if isinstance(error, FileError) else f"{type(error).__name__}: {error}",
            fix="Keep its code, and model.weights(), model.set_weights for the weights.",
        ) from error


def _packed(model: Model, encoder: Encoder) -> Archive:
    root = encoder.add(model, f"the model {model.name!r}")
    document: dict[str, Any] = {
        "format": FORMAT,
        "version": VERSION,
        "objects": encoder.objects,
        "root": root,
        "built": None,
    }
    again = Decoder(encoder.objects, encoder.constants, {**OWN, **REGISTERED}).made[root]
    refuse_changed(model, again, "")
    if not model.is_built:
        return Archive(document, {}, encoder.constants)
    built = model._need_built()
    inputs, named = inputs_of(built)
    document["built"] = {
        "precision": built.precision,
        "seed": built.seed,
        "random": built.random,
        "inputs": encoder.encode(inputs, "the inputs"),
        "named_inputs": encoder.encode(named, "the inputs"),
    }
    refuse_other_weights(model, again, built)
    return Archive(document, lazy_weights(built), encoder.constants)


@told_arguments
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
    target = checked_path(path, "unidl.load")
    known = _classes(classes)
    with limited(MAX_COST), opened(target, "unidl.load") as archive:
        with _file_at_fault():
            model, built = _described(archive, target, known)
        if built is None:
            return model
        chosen = registry.load(backend)  # so that a missing framework, or a wrong device, is reported as such
        chosen.device(chosen_device(device))
        with _file_at_fault(chosen.ERRORS):
            plan = traced(model, built["inputs"], built["kwargs"], built["precision"], built["random"])
            _compare(plan, archive.weights)
            build(model, **built, backend=backend, device=device, initial=archive.weights, plan=plan)
    return model


def _classes(given: Any) -> tuple[type, ...]:
    """The classes that `load` was given; one that is none is refused."""
    classes = tuple(given) if isinstance(given, Iterable) and not isinstance(given, type) else (given,)
    for cls in classes:
        if not isinstance(cls, type):
            raise arguments.refuse("load", "classes", "a list of classes", cls)
    return classes


def _described(archive: Archive, path: Path, classes: Iterable[type]) -> tuple[Model, dict[str, Any] | None]:
    """The description in a file, and the arguments of `build` if it was built."""
    document = _migrated(archive.document)
    if "no_description" in document:
        raise FileError(
            f"{str(path)!r} is a checkpoint of a model whose description could not be written.",
            received=f"{document['no_description']!s:.500}",
            fix="Make the model and a Trainer, and resume with fit(…, resume=True).",
        )
    known = {**OWN, **REGISTERED, **{cls.__name__: cls for cls in classes}}
    constants = {name: whole(array) for name, array in archive.constants.items()}
    decoder = Decoder(document.get("objects"), constants, known)
    model = decoder.decode({"$": "object", "index": document.get("root")})
    if not isinstance(model, Model):
        raise damaged("the root", document.get("root"))
    built = document.get("built")
    if built is None:
        return model, None
    if not isinstance(built, dict) or built.get("precision") not in FLOATS or type(built.get("seed")) is not int:
        raise damaged("the build", built)
    random = built.get("random", "native")  # a file of the first versions does not say
    if random not in ("native", "portable"):
        raise damaged("the build", built)
    inputs, named = decoder.decode(built.get("inputs")), decoder.decode(built.get("named_inputs"))
    if not isinstance(inputs, tuple) or not isinstance(named, dict):
        raise damaged("the inputs", built.get("inputs"))
    given = {
        "inputs": inputs,
        "kwargs": named,
        "precision": built["precision"],
        "seed": built["seed"],
        "random": random,
    }
    return model, given


# RecursionError is a RuntimeError; SystemError is TensorFlow's, of an integer beyond 64 bits
AT_FAULT: tuple[type[Exception], ...] = (
    TypeError, ValueError, LookupError, AttributeError, ArithmeticError, MemoryError, RuntimeError, SystemError,
)  # fmt: skip


@contextmanager
def _file_at_fault(errors: tuple[type[Exception], ...] = ()) -> Iterator[None]:
    """What a constructor, a forward or a framework raises on arguments that no `save` writes is the file's fault.

    Args:
        errors: The framework's own.
    """
    try:
        yield
    except FileError:
        raise
    except (*AT_FAULT, *errors) as error:
        raise FileError(
            "The file's description cannot be built.", received=f"{type(error).__name__}: {error!s:.500}"
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


def _compare(plan: LayerPlan, weights: Mapping[str, Any]) -> None:
    """Compare what the description says, of which nothing is made yet, with the arrays that the file really holds."""
    expected = weight_specs(plan)
    have = {p: (tuple(a.shape), a.dtype.name) for p, a in weights.items()}
    want = {p: (s.shape, "float32" if s.dtype == "bfloat16" else s.dtype) for p, s in expected.items()}
    if have != want:
        differing = sorted(p for p in have.keys() | want.keys() if have.get(p) != want.get(p))
        raise FileError(
            "The file's weights are not those of its description.",
            expected=", ".join(f"{p} {want.get(p, 'none')}" for p in differing)[:400],
            received=", ".join(f"{p} {have.get(p, 'none')}" for p in differing)[:400],
        )

"""A model, and its training, as source code of a framework that runs without unidl."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from unidl.backends import registry
from unidl.capture import told_arguments
from unidl.codegen.author import Author
from unidl.codegen.language import Language
from unidl.codegen.loop import class_title, loop_of
from unidl.description.trace import Tracer
from unidl.errors import ArgumentError, NotBuiltError, SourceError
from unidl.files import checked_path, file_errors, flush_files, folder_aside
from unidl.files.tensors import header_of, write_arrays
from unidl.graph.node import map_nest
from unidl.models import Model
from unidl.models.input import to_specs
from unidl.settings import Choice

if TYPE_CHECKING:
    from unidl.training import Trainer


@told_arguments
def source(model: Model | Trainer, backend: str) -> str:
    """A model as source code of a framework, which runs without unidl.

    Each layer is written as one writes it there: `nn.Linear` in an `nn.Module`, `keras.layers.Dense` in a functional model, a
    `tf.Module` with variables and one `tf.function`. A layer of one's own becomes a class, from its traced graph. Lines that bind
    a tensor say its shape; where the framework's own class trains otherwise than unidl, the line says so.

    Args:
        model: A model that is built or begins with its Input, or a Trainer of one: its loop then follows, as a second file.
        backend: "torch", "keras" or "tensorflow": whose code it is to be. The model may be of any other.

    Returns:
        The file's text; with a Trainer the texts of model.py and train.py.

    Raises:
        NotBuiltError: The model's shapes are not known.
        SourceError: Something has no such code: a forward that branches on a tensor in Python, a training_step of one's own.
        BackendUnavailableError: The backend is missing, misspelt or broken.

    Example:
        >>> import unidl
        >>> m = unidl.Sequential([unidl.Input((4,)), unidl.layers.Dense(2, activation="relu")])
        >>> print(unidl.source(m, "torch").partition("class Model(nn.Module):")[2])  # doctest: +ELLIPSIS
        <BLANKLINE>
        ...
            def __init__(self):
                super().__init__()
                self.dense = nn.Linear(4, 2)
        <BLANKLINE>
            def forward(self, x):
                return F.relu(self.dense(x))  # (batch, 2)
        <BLANKLINE>
    """
    described, trainer = _parts(model)
    registry.check(Choice(backend, "the argument backend="))
    author = author_of(described, backend)
    text = author.language.file(author, _title(author))
    if trainer is None:
        return text
    return f"# model.py\n{text}\n\n# train.py\n{author.language.training(loop_of(author, trainer))}"


@told_arguments
def eject(model: Model | Trainer, backend: str, folder: str | os.PathLike[str]) -> None:
    """Write a model as source code and weights of a framework, to leave with.

    The folder then holds `model.py`, with a function `load()` that gives the model with its weights, and
    `weights.safetensors`, in the framework's own names and layouts: torch's `load_state_dict` takes it as it is. With a Trainer
    there is `train.py` too, the same training as the framework's own loop.

    Args:
        model: A built model, or a Trainer of one, of any backend.
        backend: "torch", "keras" or "tensorflow": whose code it is to be.
        folder: A new folder. It is written aside and renamed.

    Raises:
        ArgumentError: There is something at that path.
        NotBuiltError: The model has no weights.
        SourceError: Something has no such code (see `unidl.source`).
        FileError: It cannot be written there: a full disk, no permission. Nothing is left behind.
        BackendUnavailableError: The backend is missing, misspelt or broken.

    Example:
        >>> import pathlib, tempfile, unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((4,), backend="torch")
        >>> folder = pathlib.Path(tempfile.mkdtemp(), "mine")
        >>> unidl.eject(m, "torch", folder)
        >>> sorted(path.name for path in folder.iterdir())
        ['model.py', 'weights.safetensors']
    """
    described, trainer = _parts(model)
    registry.check(Choice(backend, "the argument backend="))
    target = checked_path(folder, "unidl.eject")
    with file_errors(target, "unidl.eject"):
        is_taken = target.exists() and (not target.is_dir() or any(target.iterdir()))
        has_place = target.absolute().parent.is_dir()
    if is_taken:
        raise ArgumentError(
            f"Ejecting to {str(target)!r}: something is there.",
            fix="Remove it, or choose another name: what is ejected is never mixed with what was there.",
        )
    if not has_place:
        raise ArgumentError(
            f"Ejecting to {str(target)!r}: there is no folder {str(target.absolute().parent)!r}.", fix="Make it first."
        )
    if not described.is_built:
        raise NotBuiltError(
            f"{described.name!r} is not built, so there are no weights to eject.",
            fix="model.build((28, 28, 1)) with your input's shape; unidl.source gives the code alone.",
        )
    author = author_of(described, backend)
    files = {"model.py": author.language.file(author, _title(author), loads=True)}
    if trainer is not None:
        files["train.py"] = author.language.training(loop_of(author, trainer))
    arrays = author.arrays(described.weights())
    with file_errors(target, "unidl.eject"), folder_aside(target) as made:
        aside = made / target.name
        aside.mkdir()
        with open(aside / "weights.safetensors", "wb") as stream:
            write_arrays(stream, *header_of(arrays))
        for name, text in files.items():
            (aside / name).write_text(text, encoding="utf-8")
        flush_files(aside)
        aside.replace(os.path.realpath(target))


def layer_classes(model: Model, backend: str) -> tuple[str, dict[str, str]]:
    """The classes that a model's own layers become, as a file without the model, and the class' name for each layer's path.

    Keras' are registered (`keras.saving.register_keras_serializable`), so that a `.keras` file that holds them is loaded where
    this file was imported.
    """
    author = author_of(model, backend)
    names = author.class_names()
    names.pop("", None)
    return author.language.file(author, _title(author), model=False), names


def _title(author: Author) -> str:
    return author.language.file_title(class_title(author))


def author_of(model: Model, backend: str) -> Author:
    """Who has written a model's source code, and knows its classes and the weights' names."""
    language: Language | None = registry.load(backend).SOURCE
    if language is None:
        raise SourceError(f"The backend {backend!r} has no source code.", fix="Choose torch, keras or tensorflow.")
    args, kwargs = _inputs(model)
    inference = Tracer("float32").trace(model, args, kwargs, training=False)
    training = Tracer("float32").trace(model, args, kwargs, inference=False)
    author = Author(language, inference, training)
    author.class_of(author.root)
    return author


def _parts(given: Any) -> tuple[Model, Any]:
    """The model, and the Trainer if one was given."""
    if isinstance(given, Model):
        return given, None
    inside = getattr(given, "model", None)
    if not isinstance(inside, Model):
        raise ArgumentError(
            "Source code is of a model.", expected="an unidl model, or a Trainer of one", received=type(given).__name__
        )
    return inside, given


def _inputs(model: Model) -> tuple[Any, Any]:
    """The specs of what the model is called with."""
    if model.is_built:
        built = model._need_built()
        if built.precision != "float32":
            raise SourceError(
                f"The source code of {model.name!r} would be of a model in float32, and it is one in {built.precision}.",
                fix=f'unidl.convert(model, {built.backend.NAME!r}, precision="float32").',
            )
        call = built.plan.calls[0]
        specs: tuple[Any, Any] = map_nest(lambda leaf: getattr(leaf, "spec", leaf), (call.args, call.kwargs))
        return specs
    inputs = model.inputs()
    if not inputs:
        raise NotBuiltError(
            f"{model.name!r} is not built, so its shapes are not known.",
            fix="model.build((28, 28, 1)) with your input's shape, or unidl.Input first.",
        )
    return to_specs(inputs, "float32"), {}

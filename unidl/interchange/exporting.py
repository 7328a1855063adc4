"""A model in a framework's own file format, which runs without unidl."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from unidl import arguments, habits
from unidl.backends import registry
from unidl.backends.registry import Format
from unidl.capture import told_arguments
from unidl.errors import ArgumentError, FileError, MissingPackageError, NotBuiltError
from unidl.files import checked_path, file_errors, flush_files, folder_aside
from unidl.interchange.conversion import convert
from unidl.models import Model
from unidl.models.build import Built
from unidl.models.input_names import input_names
from unidl.settings import Choice


@told_arguments
def export(
    model: Model,
    format: str,  # noqa: A002  (what it is)
    path: str | os.PathLike[str],
    custom: str | None = None,
    batch_size: int | None = None,
) -> None:
    """Write a built model, as it infers, to a file that its framework runs without unidl.

    The backend that owns the format writes it; a model of another one is converted first. Weights, mode and backend of the
    model given stay as they are. Every axis for which the model was built with None, the batch axis first, stays free.

    Args:
        model: A built model of any backend.
        format: "keras" (a `.keras` file), "litert" (LiteRT, formerly TensorFlow Lite), "onnx", "pt2" (torch.export) or
            "savedmodel" (TensorFlow).
        path: The file, with the format's ending; for a SavedModel a new folder. It is written aside and renamed: what was
            there stays until the new one is whole.
        custom: How a layer that has weights and no class in Keras leaves into "keras": "constants" writes its definition as
            operations, for inference only, its weights as constants; "layers" writes a file layers.py beside it, with a Keras
            layer for each, to be imported before the model is loaded. None refuses it: nothing freezes silently.
        batch_size: A fixed length of the batch axis in "litert", whose loops (an LSTM) need one; None leaves it free.

    Raises:
        ArgumentError: There is no such format, it does not take that argument, the file has another ending, or the folder is
            not there or not empty.
        NotBuiltError: The model has no weights yet.
        MissingPackageError: The format needs a package that is not installed.
        BackendUnavailableError: The format's backend is not installed.
        ExportError: A layer cannot go into the format; it says which, why, and what to do.
        FileError: It cannot be written there: a full disk, no permission. What was there is as it was.

    Example:
        >>> import pathlib, tempfile, torch, unidl
        >>> m = unidl.Sequential([unidl.layers.Dense(2)]).build((3,), backend="torch")
        >>> path = pathlib.Path(tempfile.mkdtemp(), "m.pt2")
        >>> unidl.export(m, "pt2", path)
        >>> torch.export.load(path).module()(torch.zeros(5, 3)).shape
        torch.Size([5, 2])
    """
    arguments.instance(
        "export", "model", model, Model, "a built model", "Give the unidl model itself, not model.native."
    )
    where = checked_path(path, "unidl.export")
    name, made = _format(format)
    given = {"custom": custom, "batch_size": batch_size}
    options = {key: value for key, value in given.items() if value is not None}
    _check_options(made, options)
    if not model.is_built:
        raise NotBuiltError(
            f"{model.name!r} is not built, so there are no weights to export.",
            fix="model.build((28, 28, 1)) with your input's shape, or unidl.load(path).",
        )
    built = _on(name, model)._need_built()
    with file_errors(where, "unidl.export"):
        target = _target(made, where)
        with folder_aside(target) as folder:
            aside = folder / target.name
            try:
                built.backend.WRITERS[format](built.plan, built.native, input_names(built.plan), aside, **options)
            except built.backend.ERRORS as error:  # a model that cannot leave is an ExportError by now
                raise FileError(
                    f"unidl.export: {str(where)!r} cannot be written.",
                    received=f"{type(error).__name__}: {error!s:.300}",
                ) from error
            _put(aside, target)


def _put(aside: Path, target: Path) -> None:
    """Put what was written, and what a format writes beside it, into place; a file that a symbolic link points to is replaced."""
    beside = [(file, target.with_name(file.name)) for file in aside.parent.iterdir() if file != aside]
    for file, place in beside:
        if place.exists() and not (place.is_file() and place.read_bytes() == file.read_bytes()):
            raise ArgumentError(
                f"Exporting to {str(target)!r} also writes {file.name!r}, and another one is there.",
                fix=f"Move {str(place)!r} away, or export into a folder of its own.",
            )
    flush_files(aside.parent)
    for file, place in (*beside, (aside, target)):
        file.replace(os.path.realpath(place))


def _check_options(made: Format, options: dict[str, Any]) -> None:
    """Refuse an argument that the format does not take, or a value of it that is none."""
    for key, value in options.items():
        if key not in made.options:
            takers = [name for name, (_, other) in registry.formats().items() if key in other.options]
            raise ArgumentError(
                f"The format {made.name!r} takes no {key}.",
                expected=f"{key}= for {', '.join(takers)} only",
                received=f"{key}={value!r}",
                fix="Leave it out.",
            )
        known = made.options[key]
        if known:
            arguments.one_of(f"export to {made.name!r}", key, value, known)
        else:
            arguments.positive(f"export to {made.name!r}", key, value)


def _format(wanted: str) -> tuple[str, Format]:
    """The backend of a format, and the format; both can be used."""
    known = registry.formats()
    if not isinstance(wanted, str) or wanted not in known:
        way = habits.suggestion(str(wanted).strip().lstrip("."), habits.FORMATS, known)
        raise ArgumentError(
            f"There is no export format {wanted!r}.",
            expected=f"one of {', '.join(known)}",
            received=repr(wanted),
            fix=habits.sentence(repr(way) if way in known else way),
        )
    name, made = known[wanted]
    registry.check(Choice(name, f"the format {wanted!r}"))
    missing = registry.not_installed(made.requires)
    if missing:
        raise MissingPackageError(
            f"The format {wanted!r} needs the package {missing[0]!r}, which is not installed.",
            fix=f"Install it with:  {made.install}",
        )
    return name, made


def _target(made: Format, path: Path) -> Path:
    """The path, if something may be written there."""
    what = f"Exporting to {str(path)!r} as {made.name!r}"
    if path.suffix != made.suffix and made.suffix:
        raise ArgumentError(
            f"{what}: the file has another ending.",
            expected=f"a path that ends with {made.suffix!r}",
            fix=f"Write {str(path.with_suffix(made.suffix))!r}.",
        )
    with file_errors(path, "unidl.export"):
        has_place, is_folder, is_file = path.absolute().parent.is_dir(), path.is_dir(), path.is_file()
        is_taken = is_folder and (bool(made.suffix) or any(path.iterdir()))
    if not has_place:
        raise ArgumentError(
            f"{what}: there is no folder {str(path.absolute().parent)!r}.", fix="Make the folder first."
        )
    if is_taken:
        raise ArgumentError(
            f"{what}: a folder is there{' with something in it' if not made.suffix else ''}.",
            fix="Remove it, or choose another name: an export is never mixed with what was there.",
        )
    if is_file and not made.suffix:
        raise ArgumentError(f"{what}: a file is there, and the format is a folder.", fix="Choose another name.")
    return path


def _on(name: str, model: Model) -> Model:
    """The model itself if it is on that backend's CPU, where everything can be written; else one that is."""
    built: Built = model._need_built()
    if name == built.backend.NAME and built.device == built.backend.device("cpu"):
        return model
    return convert(model, name, device="cpu")

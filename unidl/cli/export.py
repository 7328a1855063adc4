"""`unidl export`: a model file in a framework's own format."""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from unidl.backends import registry
from unidl.cli.exit_code import DONE, FAILED, REFUSED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand
from unidl.errors import ArgumentError, BackendUnavailableError, ExportError, MissingPackageError, UnidlError
from unidl.interchange import export
from unidl.models import load
from unidl.terminal import put


def export_file(
    model: str, format_: str, path: str, custom: str | None, batch_size: int | None, modules: list[str]
) -> int:
    """Load the model for the backend that writes the format, and export it; errors are told, not raised.

    Args:
        model: Path of a file that model.save wrote.
        format_: The format's name.
        path: Where to.
        custom: As `unidl.export`'s.
        batch_size: As `unidl.export`'s.
        modules: Modules to import first, for the classes that they register.
    """
    if not Path(model).is_file():
        put(f"unidl export: there is no file {model!r} here ({Path.cwd()}).", error=True)
        return WRONG_COMMAND
    sys.path.insert(0, os.getcwd())  # as `python -m` does
    for module in modules:
        if importlib.util.find_spec(module) is None:
            put(f"unidl export: there is no module {module!r}.", error=True)
            return WRONG_COMMAND
        importlib.import_module(module)
    try:
        owner = registry.formats()[format_][0] if format_ in registry.formats() else None
        export(load(model, backend=owner, device="cpu"), format_, path, custom=custom, batch_size=batch_size)
    except UnidlError as error:
        put(str(error), error=True)
        if isinstance(error, (BackendUnavailableError, MissingPackageError)):
            return UNAVAILABLE
        if isinstance(error, ExportError):
            return REFUSED
        return WRONG_COMMAND if isinstance(error, ArgumentError) else FAILED
    except BrokenPipeError:
        raise  # no fault of a file: who read has enough
    except OSError as error:
        put(f"unidl export: {error}", error=True)
        return FAILED
    return DONE


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL_FILE", help="the file that model.save wrote")
    parser.add_argument("format", metavar="FORMAT", help="keras, litert, onnx, pt2 or savedmodel")
    parser.add_argument("path", metavar="PATH", help="the file, with the format's ending; a new folder for savedmodel")
    parser.add_argument(
        "--custom", metavar="HOW", help="for keras: how layers that Keras has not leave, constants or layers"
    )
    parser.add_argument("--batch-size", metavar="N", type=int, help="for litert: the fixed length of the batch axis")
    parser.add_argument(
        "--import", metavar="MODULE", dest="modules", action="append", default=[],
        help="import this first, for the classes that it registers; may be given again",
    )  # fmt: skip


def _run(parsed: argparse.Namespace, rest: Sequence[str]) -> int:
    return export_file(parsed.model, parsed.format, parsed.path, parsed.custom, parsed.batch_size, parsed.modules)


EXPORT = Subcommand(
    name="export",
    help="a saved model as a file of a framework, which runs without unidl",
    description="Write a model that model.save wrote in a framework's own format, as it infers.",
    examples=(
        Example("unidl export model.unidl onnx model.onnx", "a saved model for ONNX Runtime"),
        Example("unidl export model.unidl savedmodel served", "a folder that TensorFlow Serving serves"),
        Example("unidl export model.unidl pt2 model.pt2", "torch.export"),
        Example("unidl export model.unidl litert model.tflite --batch-size 1", "for a phone"),
        Example(
            "unidl export mine.unidl keras mine.keras --custom layers --import my_layers",
            "a model with layers of your own, which the module my_layers registers",
        ),
    ),
    arguments=_arguments,
    run=_run,
    note="Formats: keras, litert, onnx, pt2, savedmodel. docs/export.md says how each runs, and what does not go.",
)

"""`unidl export`: a model file in a framework's own format."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

from unidl.backends import registry
from unidl.cli.exit_code import DONE, FAILED, REFUSED, UNAVAILABLE, WRONG_COMMAND
from unidl.errors import ArgumentError, BackendUnavailableError, ExportError, MissingPackageError, UnidlError
from unidl.interchange import export
from unidl.models import load


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
        print(f"unidl export: there is no file {model!r} here ({Path.cwd()}).", file=sys.stderr)
        return WRONG_COMMAND
    sys.path.insert(0, os.getcwd())  # as `python -m` does
    for module in modules:
        if importlib.util.find_spec(module) is None:
            print(f"unidl export: there is no module {module!r}.", file=sys.stderr)
            return WRONG_COMMAND
        importlib.import_module(module)
    try:
        owner = registry.formats()[format_][0] if format_ in registry.formats() else None
        export(load(model, backend=owner, device="cpu"), format_, path, custom=custom, batch_size=batch_size)
    except UnidlError as error:
        print(error, file=sys.stderr)
        if isinstance(error, (BackendUnavailableError, MissingPackageError)):
            return UNAVAILABLE
        if isinstance(error, ExportError):
            return REFUSED
        return WRONG_COMMAND if isinstance(error, ArgumentError) else FAILED
    except OSError as error:
        print(f"unidl export: {error}", file=sys.stderr)
        return FAILED
    return DONE

"""`unidl source`: a saved model, or one that a script makes, as source code of a framework."""

from __future__ import annotations

import sys

from unidl.backends import registry
from unidl.cli.exit_code import DONE, REFUSED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.target import NoTargetError, model_file, named, namespace, parts
from unidl.errors import BackendUnavailableError, UnidlError
from unidl.interchange import eject, source
from unidl.settings import Choice


def write_source(target: str, backend: str, folder: str | None) -> int:
    """Print the code, or write it with the weights to a folder.

    Args:
        target: A file that `model.save` wrote, or "script.py:name" of a model or Trainer that the script makes.
        backend: Whose code it is to be.
        folder: Where to; None prints.
    """
    try:
        registry.check(Choice(backend, "--backend"))
        path, name = parts(target)
        found = named(namespace(path), path, name) if name else model_file(path)
        if folder is None:
            print(source(found, backend))
        else:
            eject(found, backend, folder)
    except NoTargetError as error:
        print(f"unidl source: {error}", file=sys.stderr)
        return WRONG_COMMAND
    except BackendUnavailableError as error:
        print(error, file=sys.stderr)
        return UNAVAILABLE
    except UnidlError as error:
        print(error, file=sys.stderr)
        return REFUSED
    return DONE

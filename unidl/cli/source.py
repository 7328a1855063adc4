"""`unidl source`: a saved model, or one that a script makes, as source code of a framework."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from unidl.backends import registry
from unidl.cli.exit_code import DONE, REFUSED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand
from unidl.cli.target import NoTargetError, model_file, named, namespace, parts
from unidl.errors import BackendUnavailableError, UnidlError
from unidl.interchange import eject, source
from unidl.settings import Choice
from unidl.terminal import put


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
            put(source(found, backend))
        else:
            eject(found, backend, folder)
    except NoTargetError as error:
        put(f"unidl source: {error}", error=True)
        return WRONG_COMMAND
    except BackendUnavailableError as error:
        put(str(error), error=True)
        return UNAVAILABLE
    except UnidlError as error:
        put(str(error), error=True)
        return REFUSED
    return DONE


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="a saved model, or script.py:name")
    parser.add_argument("--backend", metavar="NAME", required=True, help="whose code: torch, keras or tensorflow")
    parser.add_argument(
        "--to", metavar="FOLDER", help="a new folder for the code and the weights; without it the code is printed"
    )


def _run(parsed: argparse.Namespace, rest: Sequence[str]) -> int:
    return write_source(parsed.model, parsed.backend, parsed.to)


SOURCE = Subcommand(
    name="source",
    help="a model as source code of a framework, which runs without unidl",
    description="Write a model, or a Trainer's loop with it, as readable code of PyTorch, Keras or TensorFlow.",
    examples=(
        Example("unidl source model.unidl --backend torch", "a saved model as PyTorch code, printed"),
        Example(
            "unidl source model.unidl --backend keras --to mine",
            "model.py, with load(), and the weights, in the folder mine",
        ),
        Example(
            "unidl source train.py:trainer --backend tensorflow --to ours",
            "of what a script makes; with a Trainer train.py too",
        ),
    ),
    arguments=_arguments,
    run=_run,
    note='The script is run as a module, so what it does under `if __name__ == "__main__":` stays undone. A model with classes of your own\n'
    "is taken from the script that has them.",
)

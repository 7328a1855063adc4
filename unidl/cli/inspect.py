"""`unidl inspect`: what a framework makes of a saved model, or of a model or Trainer that a script makes."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from contextlib import nullcontext
from typing import Any

from unidl.backends import registry
from unidl.backends.selection import using
from unidl.cli.exit_code import DONE, FAILED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand
from unidl.cli.target import NoTargetError, model_file, named, namespace, parts
from unidl.errors import ArgumentError, BackendUnavailableError, UnidlError
from unidl.insight import inspect
from unidl.insight.inspections.example import example_of
from unidl.interchange import convert
from unidl.models import Model
from unidl.settings import Choice
from unidl.terminal import put
from unidl.training import Trainer

NOTHING_FOR_STEP = "a training step needs a batch: --data x,y names the script's inputs and targets."


def _arguments(parser: argparse.ArgumentParser) -> None:
    """The words that the command takes."""
    parser.add_argument("target", metavar="FILE_OR_SCRIPT[:NAME]", help="a saved model, or a script and a name in it")
    parser.add_argument("--backend", metavar="NAME", help="look at it on this backend, to which it is converted")
    parser.add_argument("--data", metavar="NAMES", help="the script's data: x, or x,y for a Trainer")
    parser.add_argument("--batch-size", metavar="N", type=int, default=32, help="examples in the batch; 32")
    parser.add_argument("--fast", action="store_true", help="neither the compiler nor each layer's seconds")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--svg", metavar="GRAPH", help="print this graph as SVG: layers, step, ...")
    parser.add_argument("--html", metavar="FILE", help="write a page that opens from disk")


def _run(parsed: argparse.Namespace, rest: Sequence[str]) -> int:
    """Look, and print or write what was seen; errors are told, not raised."""
    try:
        if parsed.backend is not None:
            registry.check(Choice(parsed.backend, "--backend"))
        with nullcontext() if parsed.backend is None else using(parsed.backend):
            model, batch = _given(parsed)
            seen = inspect(model, batch, compiler=not parsed.fast, times=not parsed.fast)
        if parsed.html is not None:
            seen.save(parsed.html)
        if parsed.svg is not None:
            put(seen.svg(parsed.svg), errors="xmlcharrefreplace")
        elif parsed.json:
            put(json.dumps(seen.data()))
        elif parsed.html is None:
            put(str(seen))
    except NoTargetError as error:
        put(f"unidl inspect: {error}", error=True)
        return WRONG_COMMAND
    except BrokenPipeError:
        raise  # no fault of a file: who read has enough
    except OSError as error:
        put(f"unidl inspect: {error}", error=True)
        return FAILED
    except UnidlError as error:
        put(str(error), error=True)
        if isinstance(error, BackendUnavailableError):
            return UNAVAILABLE
        return WRONG_COMMAND if isinstance(error, ArgumentError) else FAILED
    return DONE


def _given(parsed: argparse.Namespace) -> tuple[Any, Any]:
    """The model or Trainer, on the backend that is asked for, and the batch."""
    path, name = parts(parsed.target)
    if parsed.batch_size < 1:
        raise NoTargetError("--batch-size is at least 1.")
    if not path.endswith(".py"):
        if parsed.data is not None:
            raise NoTargetError("--data names something in a script, and this is a saved model.")
        model = model_file(path, parsed.backend)
        return model, example_of(model, parsed.batch_size)
    made = namespace(path)
    found = named(made, path, name)
    if not isinstance(found, (Model, Trainer)):
        raise NoTargetError(f"{name!r} in {path!r} is a {type(found).__name__}, neither a model nor a Trainer.")
    batch = _batch(made, path, parsed.data, parsed.batch_size)
    built = found.model if isinstance(found, Trainer) else found
    if parsed.backend is not None and built.is_built and built.backend != parsed.backend:
        found = convert(found, parsed.backend)
    if isinstance(found, Trainer):
        if batch is None:
            raise NoTargetError(NOTHING_FOR_STEP)
        return found, batch
    return found, example_of(found, parsed.batch_size) if batch is None else batch[0] if len(batch) == 1 else batch


def _batch(made: dict[str, Any], path: str, names: str | None, size: int) -> tuple[Any, ...] | None:
    """The first examples of the script's data."""
    if names is None:
        return None
    found = []
    for name in names.split(","):
        if name not in made:
            raise NoTargetError(f"{path!r} makes no {name!r}.")
        found.append(made[name][:size])
    return tuple(found)


INSPECT = Subcommand(
    name="inspect",
    help="what a framework makes of a model, or of one training step",
    description="Show the graphs that a framework makes of a model or of a Trainer's step, what each layer costs, and what changes mean.",
    examples=(
        Example("unidl inspect model.unidl --fast", "a saved model, on inputs that are made up"),
        Example("unidl inspect model.unidl --backend tensorflow", "on another backend, with its compiler and a clock"),
        Example("unidl inspect train.py:model --data x --fast", "of what a script makes, on the script's own x"),
        Example("unidl inspect train.py:trainer --data x,y --fast --html step.html", "one training step, as a page"),
        Example("unidl inspect model.unidl --fast --svg layers > layers.svg", "one graph as a picture"),
        Example("unidl inspect model.unidl --fast --json > seen.json", "all of it, as data"),
    ),
    arguments=_arguments,
    run=_run,
    note="--fast leaves out the compiler and the seconds of each layer. The script is run as a module, so what it does under\n"
    '`if __name__ == "__main__":` stays undone. Without a name it is the only Trainer, or else the only model, that the script makes.\n'
    "A batch is the first examples of the data.",
)

"""What a command works on: a saved model, or what a script makes."""

from __future__ import annotations

import runpy
import shlex
import sys
from pathlib import Path
from typing import Any

from unidl.models import Model, load
from unidl.training import Trainer


class NoTargetError(Exception):
    """The command line names something that is not there; the message says what."""


def parts(target: str) -> tuple[str, str]:
    """The path and, after a colon behind a script, the name; "" where there is none."""
    path, _, name = target.partition(":") if ".py:" in target else (target, "", "")
    if not Path(path).is_file():
        raise NoTargetError(f"there is no file {path!r} here ({Path.cwd()}).")
    return path, name


def namespace(path: str) -> dict[str, Any]:
    """What a script makes, run as a module: what it does under `if __name__ == "__main__":` stays undone."""
    sys.path.insert(0, str(Path(path).resolve().parent))
    return runpy.run_path(path, run_name="unidl_source")


def named(made: dict[str, Any], path: str, name: str) -> Any:
    """The model or Trainer of that name; without a name the only Trainer, or else the only model, that the script makes.

    Raises:
        NoTargetError: There is none, or several.
    """
    if name:
        if made.get(name) is None:
            raise NoTargetError(f"{path!r} makes no {name!r}.")
        return made[name]
    for kind, word in ((Trainer, "Trainer"), (Model, "model")):
        found = {key: value for key, value in made.items() if isinstance(value, kind)}
        if len({id(value) for value in found.values()}) == 1:
            return next(iter(found.values()))
        if found:
            raise NoTargetError(
                f"{path!r} makes several {word}s: say which, {shlex.quote(f'{path}:{next(iter(found))}')} for one of {', '.join(found)}."
            )
    raise NoTargetError(f"{path!r} makes neither a model nor a Trainer under a name of the module.")


def model_file(path: str, backend: str | None = None) -> Model:
    """A file that `model.save` wrote."""
    return load(path, backend=backend)

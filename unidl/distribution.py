"""What this project is called on a package index, how it is installed, and whether another project's files lie over it.

On the index the name `unidl` belongs to another project, whose wheel installs a package `unidl` too. Installing that one writes
its files over these; nothing here may therefore advise it. The import stays `unidl`.
"""

from __future__ import annotations

import importlib.metadata
import sys
from pathlib import Path

NAME = "unidl-nn"  # the distribution, as pyproject.toml names it
PUBLISHED = False  # until it is, one installs from a checkout or from its wheel
FOREIGN = "unidl"  # the other project's distribution

PACKAGE = Path(__file__).parent


def install(*extras: str, options: str = "") -> str:
    """The command that installs unidl with some of its extras.

    Args:
        extras: Names under `[project.optional-dependencies]` in pyproject.toml.
        options: For pip.
    """
    wanted = f"[{','.join(extras)}]" if extras else ""
    command = f"pip install {options} ".replace("  ", " ")
    if PUBLISHED:
        return f"{command}'{NAME}{wanted}'"
    return f"{command}'.{wanted}'    (in a checkout of unidl; or the path of its wheel in place of the dot)"


def problem() -> str | None:
    """What is wrong with the installed files, and what to do; None where nothing is.

    Either the package that Python imports as `unidl` is not this one, or the other project's distribution owns files in this
    folder: then some of these files may be its own, and uninstalling it takes files away.
    """
    if not is_imported():
        return _text(f"the package 'unidl' that Python imports is not this one, though {PACKAGE} has files of it")
    shared = foreign_files()
    if shared:
        return _text(f"{len(shared)} files in {PACKAGE} belong to it, {shared[0]} among them")
    return None


def is_imported() -> bool:
    """Whether `unidl` in this process is this project's package: an `__init__.py` of another project, or none, has no such table."""
    return "_HOMES" in vars(sys.modules["unidl"])


def foreign_files() -> list[str]:
    """The files in this package's folder that the other project's distribution has installed."""
    try:
        found = importlib.metadata.distribution(FOREIGN)
    except importlib.metadata.PackageNotFoundError:
        return []
    places = [Path(str(found.locate_file(file))) for file in found.files or ()]
    return sorted(place.name for place in places if PACKAGE in place.parents)


def _text(what: str) -> str:
    again = install(options="--force-reinstall --no-deps")
    return (
        f"Another project is installed as {FOREIGN!r}, and its package has the same name as this one: {what}.\n"
        f"Fix: pip uninstall {FOREIGN}, then install this project again, whose distribution is {NAME!r}:  {again}"
    )


def check() -> None:
    """Raise where the package that Python imports as `unidl` is not this one.

    Raises:
        ImportError: It is another project's, or its `__init__.py` is gone.
    """
    if not is_imported():
        raise ImportError(problem())

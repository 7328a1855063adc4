"""How a model leaves: its source code in the framework's own words, and the formats that it can be exported into."""

from __future__ import annotations

import ast
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from unidl.backends import registry
from unidl.errors import NotBuiltError, SourceError
from unidl.interchange import export, source
from unidl.models import Model
from unidl.training.trainer import Trainer


def native_source(trainer: Trainer) -> dict[str, Any]:
    """The code of the model and its training loop; of the model alone where the loop has no such code; or why there is none."""
    backend = trainer.model.backend
    refused = ""
    given: tuple[Trainer | Model, ...] = (trainer, trainer.model)
    for what in given:
        try:
            text = source(what, backend)
        except (SourceError, NotBuiltError) as error:
            refused = refused or str(error)
            continue
        return {"text": text, "lines": lines_of(text), "names": len(names_of(text, backend)), "refused": refused}
    return {"refused": refused}


def lines_of(text: str) -> int:
    """Lines that are neither blank nor comment."""
    return sum(1 for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))


def names_of(text: str, backend: str) -> set[str]:
    """The distinct names of the framework in the code: what one has to know, or look up, to read it."""
    entry = registry.entries()[backend]
    tree = ast.parse(text)
    homes: dict[str, str] = {}  # a name in the code -> the module or object of the framework
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            homes |= {
                alias.asname or alias.name.partition(".")[0]: alias.name
                if alias.asname
                else alias.name.partition(".")[0]
                for alias in node.names
            }
        elif isinstance(node, ast.ImportFrom):
            homes |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    homes = {name: home for name, home in homes.items() if home.partition(".")[0] in (*entry.requires, *entry.owns)}
    inner = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Attribute, ast.Name)) and id(node) not in inner:
            root, _, rest = ast.unparse(node).partition(".")
            if root in homes:
                found.add(f"{homes[root]}.{rest}" if rest else homes[root])
    return found


def exported(trainer: Trainer, name: str, seconds: int) -> str:
    """Export the model into a folder that goes away; "" if it works, else the reason.

    Args:
        trainer: Its model is exported.
        name: The format.
        seconds: After which it is given up.
    """
    _, made = registry.formats()[name]
    with tempfile.TemporaryDirectory() as folder:
        try:
            with _limit(seconds):
                export(trainer.model, name, Path(folder, f"model{made.suffix}"))
        except Exception as error:  # noqa: BLE001  (a framework's exporter raises anything, and each is the reason that is told)
            return f"{type(error).__name__}: {error}"[:2000]
    return ""


@contextmanager
def _limit(seconds: int) -> Iterator[None]:
    """Inside, Python code that takes longer is interrupted; what hangs outside Python the process above ends."""

    def ring(number: int, frame: FrameType | None) -> None:
        raise TimeoutError(f"it did not end within {seconds} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)

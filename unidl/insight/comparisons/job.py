"""What is compared, and in which ways it runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Way:
    """One way in which the code runs.

    Args:
        label: What tells it from the others.
        backend: The backend's name.
        engine: What is to compute beneath it; None leaves that choice.
        jit: What its Trainers are told; None leaves what the code says.
        threads: For each framework; None leaves its own choice.
    """

    label: str
    backend: str
    engine: str | None = None
    jit: bool | str | None = None
    threads: int | None = 1


@dataclass(frozen=True)
class Work:
    """The functions that are compared, and how they are put together.

    Args:
        build: Makes a Trainer, or a model.
        trainer: Arguments of the Trainer for a model.
        fit: Arguments of its fit.
    """

    build: Any
    trainer: Mapping[str, Any] = field(default_factory=dict)
    fit: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Job:
    """What every process of a comparison is given, in a file.

    Args:
        script: Absolute path of the script; None where functions are compared.
        name: The script as it was named, which it finds in sys.argv[0].
        arguments: What it finds in sys.argv[1:].
        work: The functions, pickled; None for a script.
        data: File with what they train on, pickled: (x, y), or x, or a source of batches, or a function that gives one of these.
        edited: The same once more with a change: of the script the path of its changed copy, of functions their pickle.
        path: sys.path of the process that compares.
        sources: File name -> lines of code that lies in no file, as a notebook's.
    """

    script: str | None
    name: str
    arguments: tuple[str, ...]
    work: bytes | None
    data: str
    path: tuple[str, ...]
    sources: Mapping[str, list[str]]
    edited: Any = None

"""`unidl backends`: what is installed, what it runs on, what is in force, and why something cannot be used."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rich.table import Table

from unidl import distribution
from unidl.backends import registry
from unidl.backends.selection import BackendRecord, available
from unidl.cli.exit_code import DONE, UNAVAILABLE
from unidl.cli.subcommand import Example, Subcommand
from unidl.errors import BackendUnavailableError
from unidl.settings import Choice, chosen_device
from unidl.terminal import console, plain, put


def _run(parsed: argparse.Namespace, rest: Sequence[str]) -> int:
    """Print the table; the exit code says whether the backend in force can be used."""
    records = available()
    choice, refused = _in_force()
    screen = console(sys.stdout, strict=True)
    screen.print(_table(records, choice))
    for record in records:
        if record.problem is not None:
            screen.print(plain(f"\n{record.problem}"))
    device = chosen_device()
    if choice is not None:
        screen.print(
            plain(f"\nIn force: {choice.value}, from {choice.source}. Device: {device.value}, from {device.source}.")
        )
    problem = distribution.problem()
    if problem is not None:
        put(f"\n{problem}", error=True)
    if refused is not None:
        put(f"\n{refused}", error=True)
        return UNAVAILABLE
    usable = {record.name for record in records if record.problem is None}
    return DONE if problem is None and choice is not None and choice.value in usable else UNAVAILABLE


def _in_force() -> tuple[Choice | None, BackendUnavailableError | None]:
    try:
        return registry.in_force(), None
    except BackendUnavailableError as error:
        return None, error


def _table(records: tuple[BackendRecord, ...], choice: Choice | None) -> Table:
    table = Table(title="Backends")
    for column in ("backend", "version", "devices", "engine", "state"):
        table.add_column(column, overflow="fold")
    for record in records:
        in_force = choice is not None and choice.value == record.name
        state = "cannot be used" if record.problem is not None else "in force" if in_force else "ready"
        cells = (record.name, record.version or "", ", ".join(record.devices), record.engine or "", state)
        table.add_row(*map(plain, cells), style="bold" if in_force else None)
    return table


BACKENDS = Subcommand(
    name="backends",
    help="what is installed, on which devices it runs, and which backend is in force",
    description="Print a table of the backends: version, devices, Keras' engine, and why one cannot be used.",
    examples=(Example("unidl backends", "what is installed, and what is in force"),),
    note="The exit code says whether what is in force can be used:  UNIDL_BACKEND=keras unidl backends > /dev/null && …",
    arguments=lambda parser: None,
    run=_run,
)

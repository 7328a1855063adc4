"""What a subcommand is: a file beside this one makes one, and `unidl/cli/command.py` lists it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Example:
    """A line that the help shows, and that tests/cli/test_examples.py runs.

    Args:
        line: As it is typed in a shell.
        says: What it does, in a few words.
        long: Whether it takes minutes: the tests read it, and run it in their long form alone.
    """

    line: str
    says: str = ""
    long: bool = False


@dataclass(frozen=True)
class Subcommand:
    """One of the command's words.

    Args:
        name: The word.
        help: What `unidl --help` says of it, in one line.
        description: What `unidl NAME --help` begins with.
        examples: Lines to copy; the first is shown by `unidl --help` too.
        arguments: Adds its arguments to the parser.
        run: Does it, with what was parsed and what stood after `--`; returns an exit code.
        note: What stands below the examples.
        usage: The usage line where argparse's own would mislead.
        takes_rest: Whether it takes what stands after `--`.
    """

    name: str
    help: str
    description: str
    examples: tuple[Example, ...]
    arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace, Sequence[str]], int]
    note: str = ""
    usage: str | None = None
    takes_rest: bool = False


def shown(examples: Sequence[Example]) -> str:
    """The examples as a block of the help: what each does stands beside it, or below where the line is long."""
    width = min(max(len(example.line) for example in examples), 46)
    lines = ["examples:"]
    for example in examples:
        beside = len(example.line) <= width
        if example.says and beside:
            lines.append(f"  {example.line:{width}}  {example.says}")
        else:
            lines.append(f"  {example.line}")
            if example.says:
                lines.append(f"  {'':{width}}  {example.says}")
    return "\n".join(lines)

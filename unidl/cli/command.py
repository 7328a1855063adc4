"""The command `unidl`: reads what was typed, hands it to a subcommand, and ends with an exit code that means something.

A subcommand is a file beside this one and a line in SUBCOMMANDS.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from unidl.cli.backends import BACKENDS
from unidl.cli.compare import COMPARE
from unidl.cli.exit_code import CLOSED, FAILED, INTERRUPTED
from unidl.cli.export import EXPORT
from unidl.cli.inspect import INSPECT
from unidl.cli.parser import Grammar
from unidl.cli.run import RUN
from unidl.cli.source import SOURCE
from unidl.terminal import OutputError, flush, put

SUBCOMMANDS = (BACKENDS, RUN, COMPARE, INSPECT, EXPORT, SOURCE)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Args:
        arguments: The words after `unidl`; None for those of this process.

    Returns:
        The exit code (see `unidl.cli.exit_code`).
    """
    try:
        try:
            return _run(list(sys.argv[1:] if arguments is None else arguments))
        finally:
            flush()
    except KeyboardInterrupt:
        put("unidl: interrupted", error=True)
        return INTERRUPTED
    except BrokenPipeError:  # who read has enough
        return CLOSED
    except OutputError as error:
        put(f"unidl: the output cannot be written: {error}", error=True)
        return FAILED


def _run(words: Sequence[str]) -> int:
    grammar = Grammar(SUBCOMMANDS)
    if "_ARGCOMPLETE" in os.environ:  # the shell asks for completions: whoever let it has argcomplete
        importlib.import_module("argcomplete").autocomplete(grammar.parser)
    subcommand, parsed, rest = grammar.read(words)
    return subcommand.run(parsed, rest)

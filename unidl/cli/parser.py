"""The command line's grammar: subcommands with their examples, and errors that say what was probably meant."""

from __future__ import annotations

import argparse
import difflib
import shlex
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import unidl
from unidl.cli.exit_code import MEANINGS, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand, shown
from unidl.terminal import put

WITHOUT = Example("UNIDL_BACKEND=torch python train.py", "as `unidl run` does, without it")


class Parser(argparse.ArgumentParser):
    """argparse, with errors that name the examples, and options that are written out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs |= {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
        super().__init__(**kwargs)

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and where the examples are, and exit with WRONG_COMMAND."""
        self.exit(WRONG_COMMAND, f"{self.format_usage()}{self.prog}: {message}\nExamples: {self.prog} --help\n")

    def _print_message(self, message: str, file: Any = None) -> None:
        """argparse's own way out: the help and its errors, in letters that the terminal has."""
        put(message.removesuffix("\n"), error=file is not sys.stdout)

    def refuse(self, unknown: Sequence[str], takes_rest: bool) -> NoReturn:
        """The error for words that are no argument of the command."""
        options = [option for action in self._actions for option in action.option_strings]
        close = difflib.get_close_matches(unknown[0].partition("=")[0], options, n=1)
        if close:
            hint = f"Did you mean {close[0]}?"
        elif takes_rest:
            hint = f"What is meant for the script stands after --:  {self.prog} SCRIPT -- {shlex.join(unknown)}"
        else:
            hint = f"It takes {', '.join(options)}."
        self.error(f"{' '.join(unknown)} is no argument of it. {hint}")


class Grammar:
    """All that may be typed after `unidl`.

    Args:
        subcommands: The command's words, as the help lists them.
    """

    def __init__(self, subcommands: Sequence[Subcommand]) -> None:
        self.subcommands = {subcommand.name: subcommand for subcommand in subcommands}
        codes = "\n".join(f"  {code:<4} {meaning}" for code, meaning in MEANINGS.items())
        first = [subcommand.examples[0] for subcommand in subcommands]
        self.parser = Parser(
            prog="unidl",
            description="One description of a model; three native programs: TensorFlow, Keras, PyTorch.",
            epilog=f"{shown([*first, WITHOUT])}\n\n`unidl COMMAND --help` has more of each.\n\nexit codes:\n{codes}",
        )
        self.parser.add_argument("--version", action="version", version=f"unidl {unidl.__version__}")
        words = self.parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=Parser)
        self.parsers: dict[str, Parser] = {}
        for subcommand in subcommands:
            self.parsers[subcommand.name] = one = words.add_parser(
                subcommand.name,
                help=subcommand.help,
                description=subcommand.description,
                epilog="\n\n".join(part for part in (shown(subcommand.examples), subcommand.note) if part),
                usage=subcommand.usage,
            )
            subcommand.arguments(one)

    def read(self, words: Sequence[str]) -> tuple[Subcommand, argparse.Namespace, Sequence[str]]:
        """What was typed: the subcommand, its arguments, and what stands after `--`; exits where it makes no sense."""
        if not words:
            self.parser.exit(WRONG_COMMAND, self.parser.format_help())
        if words[0][0:1] != "-" and words[0] not in self.parsers:
            close = difflib.get_close_matches(words[0], list(self.parsers), n=1)
            hint = f"Did you mean: unidl {close[0]}?" if close else f"There are {', '.join(self.parsers)}."
            self.parser.error(f"there is no command {words[0]!r}. {hint}")
        split = words.index("--") if "--" in words else len(words)
        parsed, unknown = self.parser.parse_known_args(words[:split])
        if parsed.command is None:
            self.parser.refuse(unknown, takes_rest=False)
        subcommand, parser = self.subcommands[parsed.command], self.parsers[parsed.command]
        if unknown:
            parser.refuse(unknown, subcommand.takes_rest)
        if split < len(words) and not subcommand.takes_rest:
            takers = " and ".join(f"`unidl {name}`" for name, other in self.subcommands.items() if other.takes_rest)
            parser.error(f"arguments after -- belong to {takers}")
        return subcommand, parsed, words[split + 1 :]

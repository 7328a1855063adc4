"""The one place that writes to standard output and standard error.

A terminal may know few letters (ascii), be closed, be a pipe that its reader left (`| head -1`), or lie on a full disk. What is shown of a
training must never end it: such output is lost, and nothing else is. A command tells its caller by its exit code instead.
"""

from __future__ import annotations

import io
import os
import re
import sys
from typing import IO, Any, TextIO, cast

from rich.console import Console
from rich.text import Text

from unidl.visible import visible_lines

_SIMPLE = {
    "…": "...", "·": ".", "–": "-", "—": "-", "→": "->", "←": "<-", "×": "x", "µ": "u", "≤": "<=", "≥": ">=", "“": '"', "”": '"', "’": "'",
    "\u2800": " ",
}  # fmt: skip
_DRAWN = re.compile("[\u2500-\u28ff]")  # lines, blocks and dots


def encodable(text: str, encoding: str, errors: str = "backslashreplace") -> str:
    """The text in letters that an encoding has: lines and dots become - | + and ., others escapes.

    Args:
        text: Any.
        encoding: Its name.
        errors: How Python is to write a letter that the encoding lacks.

    Example:
        >>> encodable("├── 4 µs …", "ascii")
        '+-- 4 us ...'
    """
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        drawn = _DRAWN.sub(_simple, "".join(_SIMPLE.get(letter, letter) for letter in text))
        return drawn.encode(encoding, errors).decode(encoding)
    return text


def _simple(found: re.Match[str]) -> str:
    letter = found[0]
    if letter in "─━╌╍┄┅┈┉═╴╶╸╺":
        return "-"
    if letter in "│┃╎╏┆┇┊┋║╵╷╹╻":
        return "|"
    return "+" if letter <= "\u257f" else "#" if letter <= "\u259f" else "."


def printable(text: str) -> str:
    """A text that is made to be printed, in letters that standard output has: what `str` gives of tables and plots."""
    return encodable(text, _encoding(sys.stdout))


def _encoding(stream: Any) -> str:
    return getattr(stream, "encoding", None) or "utf-8"


class OutputError(OSError):
    """Standard output cannot be written: its disk is full, or it is closed."""


class Output(io.TextIOBase):
    """A standard stream that takes any text.

    Args:
        stream: sys.stdout or sys.stderr; None where the process was started without it.
        strict: Whether an error in writing is raised; else what cannot be written is lost, and so is all after it.
    """

    def __init__(self, stream: TextIO | None, strict: bool = False) -> None:
        self.stream = stream
        self.strict = strict
        self.lost = stream is None

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's."""
        return _encoding(self.stream)

    def isatty(self) -> bool:
        """Whether a person may be looking."""
        try:
            return self.stream is not None and self.stream.isatty()
        except ValueError:  # it was closed
            return False

    def fileno(self) -> int:
        """The stream's."""
        if self.stream is None:
            raise io.UnsupportedOperation("fileno")
        return self.stream.fileno()

    def write(self, text: str) -> int:
        """Write it, in letters that the stream has."""
        if self.lost:
            return len(text)
        assert self.stream is not None
        try:
            self._write(encodable(text, self.encoding), self.stream)
        except (OSError, ValueError) as error:  # the disk is full, the reader is gone; the stream is closed
            self._lose(error)
        return len(text)

    def flush(self) -> None:
        """Hand on what the stream holds."""
        if not self.lost and self.stream is not None:
            try:
                self.stream.flush()
            except (OSError, ValueError) as error:
                self._lose(error)

    def _write(self, text: str, stream: TextIO) -> None:
        """To a file or pipe past Python's buffer, which would try what failed once more when the process ends."""
        number = _file(stream)
        if number is None:
            stream.write(text)
            stream.flush()
            return
        stream.flush()
        rest = text.replace("\n", os.linesep).encode(self.encoding)
        while rest:
            rest = rest[os.write(number, rest) :]

    def _lose(self, error: OSError | ValueError) -> None:
        self.lost = True
        number = _file(self.stream)
        if number is not None and (self.strict or isinstance(error, BrokenPipeError)):
            _lead_nowhere(number)
        if self.strict:
            raise error if isinstance(error, BrokenPipeError) else OutputError(str(error)) from error


def _file(stream: Any) -> int | None:
    """The number of the file or pipe that a stream of Python's own writes to; None for a terminal, and for what stands in its place."""
    try:
        return stream.fileno() if isinstance(stream, io.TextIOWrapper) and not stream.isatty() else None
    except (OSError, ValueError):
        return None


def _lead_nowhere(number: int) -> None:
    """Let a stream that nobody reads lead nowhere: what is printed later, and Python at its end, would else fail on it."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


class _Console(Console):
    def on_broken_pipe(self) -> None:
        """A command's pipe that its reader closed, as with any other print: rich would end the process with exit code 1."""
        raise  # noqa: PLE0704  # the BrokenPipeError that rich is handling


def console(stream: TextIO | None, strict: bool = False) -> Console:
    """rich's console on a standard stream; nothing in a text is read as markup or emoji."""
    return _Console(file=cast(IO[str], Output(stream, strict)), markup=False, emoji=False, highlight=False)


def plain(text: str, style: str = "") -> Text:
    """A text as rich prints it: letter by letter, control characters shown."""
    return Text(visible_lines(text), style=style)


def show(text: str) -> None:
    """Print a text, control characters shown; what cannot be written is lost."""
    Output(sys.stdout).write(visible_lines(f"{text}\n"))


def put(text: str, error: bool = False, errors: str = "backslashreplace") -> None:
    """Print a command's text, control characters shown.

    Args:
        text: Without its last line break.
        error: Whether it goes to standard error, where what cannot be written is lost.
        errors: How a letter is written that the stream's encoding lacks.

    Raises:
        BrokenPipeError: Who read standard output has enough.
        OutputError: Standard output cannot be written for another reason.
    """
    stream = sys.stderr if error else sys.stdout
    Output(stream, strict=not error).write(encodable(visible_lines(f"{text}\n"), _encoding(stream), errors))


def flush() -> None:
    """Hand on what a command has printed.

    Raises:
        BrokenPipeError: As `put`.
        OutputError: Likewise.
    """
    Output(sys.stdout, strict=True).flush()

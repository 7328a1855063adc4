"""Paths that users give: checked in one place, before anything is opened."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from unidl import habits
from unidl.errors import ArgumentError, FileError, MissingFileError, UnidlError


def checked_path(path: Any, what: str) -> Path:
    """The path as a Path.

    Args:
        path: What the user gave.
        what: What was attempted, for the message: "model.save".

    Raises:
        ArgumentError: It is no text and no os.PathLike of text (a number would be a file descriptor), or no path at all.
    """
    text = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(text, str):
        raise ArgumentError(
            f"{what} needs a path.",
            expected="a str or a pathlib.Path",
            received=f"{type(path).__name__}: {path!r:.80}",
            fix="os.fsdecode(path) makes a str of bytes." if isinstance(text, bytes) else None,
        )
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:
        raise ArgumentError(f"{what} was given a path that no file system takes.", received=ascii(text)) from error
    if not text or "\0" in text:
        raise ArgumentError(
            f"{what} was given a path that no file system takes.",
            expected="at least one character, and no character 0",
            received=ascii(text),
        )
    return Path(text)


def refuse_foreign_ending(path: Path, what: str) -> None:
    """Refuse to write unidl's own format under the ending of another one.

    Raises:
        ArgumentError: The ending is that of another format; the message says what writes it.
    """
    instead = habits.ENDINGS.get(path.suffix.lower())
    if instead is not None:
        raise ArgumentError(
            f"{what} writes unidl's own format, and {path.name!r} ends like a file of another one.",
            expected='the ending ".unidl"',
            received=repr(path.suffix),
            fix=instead,
        )


@contextmanager
def file_errors(path: Path, what: str, done: str = "written") -> Iterator[None]:
    """Inside, what the operating system refuses is reported as a FileError.

    Args:
        path: The file or folder.
        what: What was attempted, for the message: "model.save".
        done: "written" or "read".

    Raises:
        FileError: With the operating system's `errno`.
    """
    try:
        yield
    except UnidlError:
        raise
    except OSError as error:
        raise os_error(path, what, done, error) from error


def os_error(path: Path, what: str, done: str, error: OSError) -> FileError:
    """A FileError for what the operating system raised."""
    missing = isinstance(error, FileNotFoundError)
    reason = os.strerror(error.errno) if error.errno else str(error)
    raised = (MissingFileError if missing else FileError)(
        f"{what}: {str(path)!r} cannot be {done}: {reason}.",
        received=type(error).__name__,
        fix=_FIXES.get(error.errno or 0),
    )
    raised.errno, raised.strerror, raised.filename = error.errno, error.strerror, str(path)
    return raised


_FIXES = {
    errno.ENOSPC: "Make room on the disk; what was there before is as it was.",
    errno.EDQUOT: "Make room in your quota; what was there before is as it was.",
    errno.EFBIG: "Raise the limit on the size of files (ulimit -f); what was there before is as it was.",
    errno.EACCES: "Choose a folder to which you may write, or a file that you may read.",
    errno.EROFS: "Choose a folder on a file system that is not read-only.",
    errno.ENAMETOOLONG: "Choose a shorter name.",
    errno.EISDIR: "Give the path of a file: a folder is there.",
}

"""Writing aside: a file or folder is made beside its place and renamed, so it is there whole or not at all.

The name aside is short (a target's name may be as long as the file system allows), and who writes holds a lock on the file: what a
killed process left can be told from what another one is writing.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from unidl.errors import FileError
from unidl.files.path import file_errors

if sys.platform != "win32":
    import fcntl

PREFIX = ".unidl-"
NAME_ASIDE = re.compile(r"\.unidl-[0-9a-f]{8}|\.step-.*\.part")  # the second is 0.1.0's
TRIES = 100


@contextmanager
def replacing(path: Path, what: str) -> Iterator[BinaryIO]:
    """A binary stream whose content stands at `path` once the block ends; on any error what was there is as it was.

    A symbolic link stays: the file that it points to is replaced. The mode is that of the file before, else 0666 less the umask.

    Args:
        path: The file.
        what: What was attempted, for the message.

    Raises:
        FileError: It cannot be written: no folder, no permission, no room, or something that is no file is there.
    """
    with file_errors(path, what):
        target = Path(os.path.realpath(path)) if path.is_symlink() else path
        mode = _mode_of(target, what)
        handle, aside = _create(target)
        try:
            with os.fdopen(handle, "wb") as stream:
                if mode is not None:
                    os.chmod(aside, mode)
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
                os.replace(aside, target)  # while it is locked
            flush_folder(target.parent)
        except BaseException:
            aside.unlink(missing_ok=True)
            raise


def write_text(path: Path, text: str, what: str) -> None:
    r"""Write a text file in UTF-8, whole or not at all (see `replacing`).

    Half of a surrogate pair, which UTF-8 has not (a file's name may hold one), is written \ud800: so JSON reads it as it was.
    """
    with replacing(path, what) as stream:
        stream.write(text.encode("utf-8", "backslashreplace"))


def write_bytes(path: Path, content: bytes, what: str) -> None:
    """Write a binary file, whole or not at all (see `replacing`)."""
    with replacing(path, what) as stream:
        stream.write(content)


def _mode_of(target: Path, what: str) -> int | None:
    """The mode of the file that is there, or None."""
    try:
        found = target.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
        raise FileError(f"{what}: {str(target)!r} is no file.", expected="the path of a file", received=kind)
    return stat.S_IMODE(found.st_mode)


def _create(target: Path) -> tuple[int, Path]:
    """A new file beside the target, opened and locked, with a name that is no longer than the target's."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
    for _ in range(TRIES):
        aside = target.with_name(_name_beside(target.name))
        try:
            handle = os.open(aside, flags, 0o666)
        except FileExistsError:
            continue
        if _lock(handle) != HELD and _is_at(handle, aside):
            return handle, aside
        os.close(handle)  # another process took it for what a killed one left
        aside.unlink(missing_ok=True)
    raise FileExistsError(f"no free name beside {str(target)!r}")


def _name_beside(name: str) -> str:
    full = PREFIX + secrets.token_hex(4)
    room = max(len(os.fsencode(name)), 2)
    return full if len(full) <= room else "." + full[1 - room :]


LOCKED, HELD, UNKNOWN = "locked", "held by another process", "this file system has no locks"


def _lock(handle: int) -> str:
    """Lock an open file as long as it is open."""
    if sys.platform == "win32":
        return UNKNOWN
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return HELD
    except OSError:
        return UNKNOWN
    return LOCKED


def _is_at(handle: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except FileNotFoundError:
        return False


def remove_abandoned(folder: Path) -> None:
    """Remove what processes that were killed left aside in a folder; what another process is writing now stays.

    Raises:
        OSError: The folder cannot be read.
    """
    for path in [path for path in folder.iterdir() if NAME_ASIDE.fullmatch(path.name)]:
        with contextlib.suppress(FileNotFoundError, IsADirectoryError):  # another process was faster; a folder aside
            handle = os.open(path, os.O_RDWR | getattr(os, "O_CLOEXEC", 0))
            try:
                if _lock(handle) == LOCKED and _is_at(handle, path):
                    path.unlink()
            finally:
                os.close(handle)


def flush_folder(folder: Path) -> None:
    """Let the disk know of a new name too, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def flush_files(folder: Path) -> None:
    """Let the disk know of all files in a folder, before it is renamed.

    Raises:
        OSError: There is no room after all.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(place, name), "rb") as stream:
                os.fsync(stream.fileno())


@contextmanager
def folder_aside(target: Path) -> Iterator[Path]:
    """A new folder beside the target, for what is to be renamed into place; it is gone when the block ends.

    Raises:
        OSError: It cannot be made.
    """
    for _ in range(TRIES):
        aside = target.absolute().with_name(_name_beside(target.name))
        try:
            aside.mkdir(mode=0o700)
        except FileExistsError:
            continue
        break
    else:
        raise FileExistsError(f"no free name beside {str(target)!r}")
    try:
        yield aside
    finally:
        shutil.rmtree(aside)

"""A zip of one JSON document and some sets of arrays (safetensors).

Nothing is unpacked before its size is known: entries are stored, not compressed, so the file's own size bounds what reading it
takes. Arrays are written and read a piece at a time, and every entry's checksum is compared before anything of it is used.
"""

from __future__ import annotations

import os
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from unidl import habits
from unidl.errors import FileError
from unidl.files.aside import replacing
from unidl.files.document import MAX_BYTES, dump, parse
from unidl.files.path import file_errors
from unidl.files.tensors import header_of, read_arrays, read_exactly, write_arrays
from unidl.lazy_array import Array

DOCUMENT = "unidl.json"
SETS = ("weights", "constants", "training")
ENTRIES = (DOCUMENT, *[f"{name}.safetensors" for name in SETS])
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes
MAX_DIRECTORY = 2**16  # bytes of the zip's own list of four entries
CHUNK = 2**20


@dataclass
class Archive:
    """What a file holds.

    Args:
        document: The JSON document.
        weights: Path -> array.
        constants: Key -> array that the document refers to.
        training: Place -> array of a training that can be resumed, to which the document's "training" refers.
    """

    document: dict[str, Any]
    weights: Mapping[str, Array] = field(default_factory=dict)
    constants: Mapping[str, Array] = field(default_factory=dict)
    training: Mapping[str, Array] = field(default_factory=dict)


def write(path: Path, archive: Archive, what: str) -> None:
    """Write a file, whole or not at all.

    Args:
        path: The file.
        archive: Its content; lazy arrays are read while it is written.
        what: What was attempted, for messages.

    Raises:
        FileError: The folder is not there, not writable, or full; a file that was there is as it was.
        NotSerializableError: The description is larger than a file's may be, or an array has a dtype that no file holds.
    """
    document = dump(archive.document)
    sets = {f"{name}.safetensors": header_of(getattr(archive, name)) for name in SETS if getattr(archive, name)}
    sets.setdefault("weights.safetensors", header_of({}))
    with replacing(path, what) as stream, zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as zipped:
        zipped.writestr(_entry(DOCUMENT, len(document)), document)
        for name in ENTRIES[1:]:
            if name in sets:
                header, arrays = sets[name]
                info = _entry(name, len(header) + sum(array.nbytes for array in arrays))
                with zipped.open(info, "w") as entry:
                    write_arrays(entry, header, arrays)


def _entry(name: str, size: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    entry.file_size = size
    return entry


@contextmanager
def opened(path: Path, what: str) -> Iterator[Archive]:
    """A file that `write` wrote; its arrays are lazy, and can be read inside the block. Anything else gives a typed error.

    Args:
        path: The file.
        what: What was attempted, for messages.

    Raises:
        FileError: It is damaged, foreign, or made to take memory; or it cannot be read.
        MissingFileError: There is none.
    """
    flags = os.O_RDONLY | sum(getattr(os, name, 0) for name in ("O_BINARY", "O_CLOEXEC", "O_NONBLOCK"))
    with file_errors(path, what, "read"):
        handle = os.open(path, flags)
    try:
        with file_errors(path, what, "read"):
            archive = _read(handle, path, what)
        yield archive
    finally:
        os.close(handle)


def _read(handle: int, path: Path, what: str) -> Archive:
    found = os.fstat(handle)
    if not stat.S_ISREG(found.st_mode):
        kind = "a folder" if stat.S_ISDIR(found.st_mode) else "a device, pipe or socket"
        raise FileError(f"{what}: {str(path)!r} is no file.", expected="a file that model.save wrote", received=kind)
    try:
        _check_directory(handle, found.st_size)
        with os.fdopen(os.dup(handle), "rb") as stream, zipfile.ZipFile(stream) as zipped:
            infos = zipped.infolist()
        _check_entries(infos, found.st_size)
        spans = {info.filename: _verified(handle, info) for info in infos}
    # what zipfile raises on damaged directories: its own errors, and seeks to places that are not there
    except (
        zipfile.BadZipFile, NotImplementedError, EOFError, RuntimeError, ValueError, OSError, struct.error,
    ) as error:  # fmt: skip
        raise FileError(
            f"{what}: {str(path)!r} is no whole unidl file.",
            expected="a file that model.save wrote",
            received=error.attempted if isinstance(error, FileError) else f"{type(error).__name__}: {error!s:.200}",
            fix=habits.FOREIGN_FILES.get(path.suffix.lower()),
        ) from error
    start, size = spans[DOCUMENT]
    document = parse(bytes(read_exactly(handle, start, size)), DOCUMENT)
    sets = {name: spans.get(f"{name}.safetensors") for name in SETS}
    return Archive(document, **{name: read_arrays(handle, *span) for name, span in sets.items() if span is not None})


def _check_directory(handle: int, size: int) -> None:
    """Refuse a zip whose own list of entries is long, before it is read: each entry in it takes memory."""
    tail = bytes(read_exactly(handle, max(size - 98, 0), min(size, 98)))
    end = tail[-22:]
    if len(end) < 22 or end[:4] != b"PK\5\6":
        raise zipfile.BadZipFile("File is not a zip file")
    count, length = struct.unpack("<HL", end[10:16])
    if len(tail) == 98 and tail[56:60] == b"PK\6\7":  # a file above 4 GB has the numbers in front of that
        count, length = struct.unpack("<QQ", tail[32:48])
    if count > len(ENTRIES) or length > MAX_DIRECTORY:
        raise FileError(f"A zip with {count:,} entries, listed in {length:,} bytes.")


def _check_entries(infos: list[zipfile.ZipInfo], size: int) -> None:
    names = [info.filename for info in infos]
    if DOCUMENT not in names or len(set(names)) != len(names) or any(name not in ENTRIES for name in names):
        raise FileError(f"A zip, but none of unidl's: it holds {', '.join(map(ascii, names[:9])) or 'nothing'}."[:300])
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1 or info.compress_size != info.file_size:
            raise FileError(f"{info.filename} is compressed or encrypted; it could unpack to any size.")
        most = MAX_BYTES if info.filename == DOCUMENT else size
        if info.file_size > min(most, size):
            raise FileError(f"{info.filename} claims {info.file_size:,} bytes, of at most {min(most, size):,}.")


def _verified(handle: int, info: zipfile.ZipInfo) -> tuple[int, int]:
    """Where an entry's content begins, and its size; its checksum is compared."""
    head = bytes(read_exactly(handle, info.header_offset, 30))
    if head[:4] != b"PK\3\4":
        raise zipfile.BadZipFile(f"{info.filename} is not where the zip's list of entries says")
    name, extra = struct.unpack("<HH", head[26:30])
    start, checksum = info.header_offset + 30 + name + extra, 0
    for at in range(0, info.file_size, CHUNK):
        checksum = zlib.crc32(read_exactly(handle, start + at, min(CHUNK, info.file_size - at)), checksum)
    if checksum != info.CRC:
        raise zipfile.BadZipFile(f"Bad CRC-32 for file {info.filename!r}")
    return start, info.file_size

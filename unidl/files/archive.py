"""A zip of one JSON document and some sets of arrays (safetensors).

Nothing is unpacked before its size is known: entries are stored, not compressed, so the file's own size bounds what reading it
takes. Writing goes to a file beside the target, which is then renamed: a full disk leaves the old file as it was.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy

from unidl.errors import FileError

DOCUMENT = "unidl.json"
ENTRIES = (DOCUMENT, "weights.safetensors", "constants.safetensors", "training.safetensors")
MAX_DOCUMENT = 64 * 2**20  # bytes of JSON, for it is parsed whole in memory
EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same bytes


@dataclass
class Archive:
    """What a file holds.

    Args:
        document: The JSON document.
        weights: Path -> array.
        constants: Key -> array that the document refers to.
        training: Place -> array of a training that can be gone on with, to which the document's "training" refers.
    """

    document: dict[str, Any]
    weights: dict[str, np.ndarray] = field(default_factory=dict)
    constants: dict[str, np.ndarray] = field(default_factory=dict)
    training: dict[str, np.ndarray] = field(default_factory=dict)


def write(path: str | os.PathLike[str], archive: Archive) -> None:
    """Write a file, whole or not at all.

    Raises:
        OSError: The folder is not there, not writable, or full; a file that was there is as it was.
    """
    target = Path(path)
    handle, aside = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as stream:
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as zipped:
                _add(zipped, DOCUMENT, json.dumps(archive.document, indent=1, allow_nan=False).encode())
                _add(zipped, "weights.safetensors", _pack(archive.weights))
                if archive.constants:
                    _add(zipped, "constants.safetensors", _pack(archive.constants))
                if archive.training:
                    _add(zipped, "training.safetensors", _pack(archive.training))
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(aside, target)
        _flush_folder(target.parent)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _flush_folder(folder: Path) -> None:
    """Let the disk know of a new name too, where folders can be opened (not on Windows)."""
    if os.name == "posix":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _add(zipped: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.external_attr = 0o644 << 16
    zipped.writestr(entry, content)


def _pack(arrays: Mapping[str, np.ndarray]) -> bytes:
    packed: bytes = safetensors.numpy.save(
        {name: np.ascontiguousarray(a).reshape(a.shape) for name, a in arrays.items()}
    )
    return packed


def read(path: str | os.PathLike[str]) -> Archive:
    """Read a file that `write` wrote; what is anything else gives a typed error, and executes nothing.

    Raises:
        FileError: It is damaged, foreign, or made to take memory.
        OSError: It cannot be read.
    """
    with open(path, "rb") as stream:
        try:
            with zipfile.ZipFile(stream) as zipped:
                contents = _entries(zipped, Path(path))
        except FileError:
            raise
        # what zipfile raises on damaged directories: its own errors, and seeks to places that are not there
        except (
            zipfile.BadZipFile,
            NotImplementedError,
            EOFError,
            RuntimeError,
            ValueError,
            OSError,
            struct.error,
        ) as error:
            raise FileError(
                f"{os.fspath(path)!r} is no whole unidl file.",
                expected="a file that model.save wrote",
                received=f"{type(error).__name__}: {error}",
            ) from error
    return Archive(
        _parse(contents[DOCUMENT]),
        _unpack(contents.get("weights.safetensors", _pack({}))),
        _unpack(contents.get("constants.safetensors", _pack({}))),
        _unpack(contents.get("training.safetensors", _pack({}))),
    )


def _entries(zipped: zipfile.ZipFile, path: Path) -> dict[str, bytes]:
    infos = zipped.infolist()
    names = [info.filename for info in infos]
    if DOCUMENT not in names or len(set(names)) != len(names) or any(name not in ENTRIES for name in names):
        raise FileError(
            f"{str(path)!r} is a zip, but none of unidl's.",
            expected=", ".join(ENTRIES),
            received=", ".join(names[:9]) or "nothing",
        )
    size = path.stat().st_size
    for info in infos:
        if info.compress_type != zipfile.ZIP_STORED or info.flag_bits & 0x1:
            raise FileError(
                f"{info.filename} in {str(path)!r} is compressed or encrypted, and unidl stores it plainly.",
                fix="Save the model again; a compressed entry could unpack to any size.",
            )
        if info.file_size > size or (info.filename == DOCUMENT and info.file_size > MAX_DOCUMENT):
            raise FileError(
                f"{info.filename} in {str(path)!r} claims {info.file_size:,} bytes.",
                expected=f"at most {MAX_DOCUMENT if info.filename == DOCUMENT else size:,}",
            )
    return {info.filename: zipped.read(info) for info in infos}


def _parse(content: bytes) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise FileError(
            f"{DOCUMENT} is no JSON document that can be read.", received=f"{type(error).__name__}: {error}"
        ) from error
    if not isinstance(document, dict):
        raise FileError(f"{DOCUMENT} holds no object.", received=type(document).__name__)
    return document


def _unpack(content: bytes) -> dict[str, np.ndarray]:
    try:
        arrays: dict[str, np.ndarray] = safetensors.numpy.load(content)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError) as error:
        raise FileError(
            "The arrays in the file cannot be read.", received=f"{type(error).__name__}: {error}"
        ) from error
    return arrays

"""The safetensors format, one array at a time.

https://github.com/huggingface/safetensors says what it is. The package `safetensors` makes all of a file's bytes in memory; here pieces go to the disk and come from it.
"""

from __future__ import annotations

import math
import os
import struct
from collections.abc import Mapping
from typing import IO

import numpy as np

from unidl.errors import FileError, NotSerializableError
from unidl.files.document import MAX_BYTES, dump, parse
from unidl.lazy_array import Array, Index, LazyArray, lazy

# name in the format <-> NumPy's, in the order of bytes that the format has
DTYPES = {
    "BOOL": "bool", "U8": "uint8", "I8": "int8", "U16": "<u2", "I16": "<i2", "F16": "<f2", "U32": "<u4", "I32": "<i4",
    "F32": "<f4", "U64": "<u8", "I64": "<i8", "F64": "<f8",
}  # fmt: skip
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}
MAX_AXES = 64  # NumPy's own limit


def header_of(arrays: Mapping[str, Array]) -> tuple[bytes, list[LazyArray]]:
    """The bytes in front of the arrays, and the arrays in the order in which their bytes follow.

    Raises:
        NotSerializableError: The format has no such dtype, or there are too many arrays.
    """
    order = sorted(
        arrays, key=lambda name: -arrays[name].dtype.itemsize
    )  # so that each begins at a multiple of its items
    entries: dict[str, dict[str, object]] = {}
    ordered, end = [], 0
    for name in order:
        array = lazy(arrays[name])
        start, end = end, end + array.nbytes
        kind = NAMES.get(array.dtype.newbyteorder("<"))
        if kind is None:
            raise NotSerializableError(
                f"The array {name!r} holds {array.dtype.name}, which no file holds.",
                expected="arrays of bool, of integers, or of float16, float32 or float64",
            )
        entries[name] = {"dtype": kind, "shape": list(array.shape), "data_offsets": [start, end]}
        ordered.append(array)
    text = dump(entries, indent=None)
    text += b" " * (-len(text) % 8)
    return struct.pack("<Q", len(text)) + text, ordered


def write_arrays(stream: IO[bytes], header: bytes, ordered: list[LazyArray]) -> None:
    """Write what `header_of` made, piece by piece."""
    stream.write(header)
    for array in ordered:
        for _, piece in array.pieces():
            plain = np.ascontiguousarray(piece, array.dtype.newbyteorder("<"))
            stream.write(plain.reshape(-1).view(np.uint8).data)


def read_arrays(handle: int, offset: int, size: int) -> dict[str, LazyArray]:
    """The arrays of a part of an open file; only the header is read here.

    Args:
        handle: The file's descriptor; it stays open as long as arrays are read.
        offset: Where the part begins.
        size: Its bytes.

    Raises:
        FileError: The header is damaged, or does not say of every byte to which array it belongs.
    """
    (length,) = struct.unpack("<Q", read_exactly(handle, offset, 8)) if size >= 8 else (size,)
    if length > min(MAX_BYTES, size - 8):
        raise _damaged(f"a header of {length:,} bytes in {size:,}")
    entries = parse(bytes(read_exactly(handle, offset + 8, length)), "The table of arrays")
    entries.pop("__metadata__", None)
    found: dict[str, LazyArray] = {}
    spans = []
    for name, entry in entries.items():
        dtype, shape, (start, end) = _entry(name, entry)
        if end - start != math.prod(shape) * dtype.itemsize:
            raise _damaged(f"{name!r:.80}: {dtype.name} {shape} in {end - start:,} bytes")
        spans.append((start, end))
        found[name] = LazyArray(shape, dtype, _Reader(handle, offset + 8 + length + start, shape, dtype))
    at = 0
    for start, end in sorted(spans):
        if start != at:
            raise _damaged("arrays that overlap, or leave bytes between them")
        at = end
    if at != size - 8 - length:
        raise _damaged(f"arrays of {at:,} bytes in {size - 8 - length:,}")
    return found


def _entry(name: str, entry: object) -> tuple[np.dtype, tuple[int, ...], tuple[int, int]]:
    """dtype, shape and span of one array."""
    if isinstance(entry, dict) and entry.keys() == {"dtype", "shape", "data_offsets"}:
        dtype, shape, span = entry["dtype"], entry["shape"], entry["data_offsets"]
        lists = isinstance(shape, list) and isinstance(span, list) and len(span) == 2 and len(shape) <= MAX_AXES
        if (
            isinstance(dtype, str)
            and dtype in DTYPES
            and lists
            and all(type(n) is int and n >= 0 for n in shape + span)
        ):
            return np.dtype(DTYPES[dtype]), tuple(shape), (span[0], span[1])
    raise _damaged(f"{name!r:.80}: {entry!r:.200}")


class _Reader:
    """Reads pieces of one array off an open file."""

    def __init__(self, handle: int, offset: int, shape: tuple[int, ...], dtype: np.dtype) -> None:
        self.handle, self.offset, self.dtype = handle, offset, dtype
        self.strides = [math.prod(shape[axis + 1 :]) for axis in range(len(shape))]
        self.shape = shape

    def __call__(self, index: Index) -> np.ndarray:
        start, shape = 0, []
        if index == (...,):
            index = (slice(None),) * len(self.shape)
        for part, stride, length in zip(index, self.strides, self.shape, strict=True):
            if isinstance(part, slice):
                first, last, _ = part.indices(length)
                start += first * stride
                shape.append(last - first)
            else:
                start += part * stride
        size = math.prod(shape) * self.dtype.itemsize
        content = read_exactly(self.handle, self.offset + start * self.dtype.itemsize, size)
        array = np.frombuffer(content, self.dtype).reshape(shape)
        return array if self.dtype.isnative else array.astype(self.dtype.newbyteorder("="))


def read_exactly(handle: int, offset: int, size: int) -> bytearray:
    """Some bytes of an open file.

    Raises:
        FileError: It ends before.
    """
    content = bytearray(size)
    view, at = memoryview(content), 0
    while at < size:
        try:
            got = _read_into(handle, view[at:], offset + at)
        except OSError as error:
            raise FileError("The file cannot be read.", received=f"{type(error).__name__}: {error}") from error
        if not got:
            raise FileError(
                "The file ends in the middle.", expected=f"{size:,} bytes at {offset:,}", received=f"{at:,}"
            )
        at += got
    return content


def _read_into(handle: int, view: memoryview, offset: int) -> int:
    if hasattr(os, "preadv"):
        return os.preadv(handle, [view], offset)
    os.lseek(handle, offset, os.SEEK_SET)
    content = os.read(handle, len(view))
    view[: len(content)] = content
    return len(content)


def _damaged(received: str) -> FileError:
    return FileError("The arrays in the file cannot be read.", received=received)

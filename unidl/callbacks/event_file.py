"""TensorBoard's event files: protocol buffers in records, written without a package.

The packages that write them import torch or TensorFlow where these are installed. What is needed of the format is small: a record is
its length, its bytes, and a masked CRC-32C of each; a message is a sequence of (field number, kind, value).
tests/training/test_tensorboard.py reads the files with TensorBoard's own reader.

References: tensorflow/core/util/event.proto, tensorflow/core/framework/summary.proto and graph.proto; tensorboard/plugins/hparams/api.proto.
"""

from __future__ import annotations

import os
import socket
import struct
import time
import zlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from unidl.files import file_errors

BINS = 30
STARTED = 1  # of a session: events of its step and later ones, in other files of the folder, are no longer valid
NAMES = {str: 1, bool: 2, float: 3}  # the kinds of a hyperparameter


class EventFile:
    """One file in a folder of a run.

    Args:
        directory: The folder; it is made.

    Raises:
        FileError: It cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        with file_errors(directory, "TensorBoard"):
            directory.mkdir(parents=True, exist_ok=True)
            begin = f"events.out.tfevents.{int(time.time()):010}.{socket.gethostname()}.{os.getpid()}"
            number = sum(name.startswith(begin) for name in os.listdir(directory))
            self.path = directory / f"{begin}.{number}"
            self._stream = self.path.open("xb")
        self._write(_text(3, "brain.Event:2"), 0)

    def close(self) -> None:
        """Write what is left, and close it."""
        with file_errors(self.path, "TensorBoard"):
            self._stream.close()

    def flush(self) -> None:
        """Let a reader have what was written."""
        with file_errors(self.path, "TensorBoard"):
            self._stream.flush()

    def resumed(self, step: int) -> None:
        """A run is resumed: what other files have of that step and later ones does not count."""
        self._write(_message(7, _integer(1, STARTED)), step)

    def scalars(self, values: Mapping[str, float], step: int) -> None:
        """Numbers by name."""
        self._summary([_text(1, tag) + _float(2, value) for tag, value in values.items()], step)

    def histogram(self, tag: str, values: np.ndarray, step: int) -> None:
        """The distribution of an array's finite values."""
        finite = values[np.isfinite(values)].astype("float64").reshape(-1)
        if not len(finite):
            return
        counts, edges = np.histogram(finite, bins=BINS)
        numbers = (finite.min(), finite.max(), len(finite), finite.sum(), np.square(finite).sum())
        histogram = b"".join(_double(i + 1, float(number)) for i, number in enumerate(numbers))
        histogram += _message(6, edges[1:].astype("<f8").tobytes()) + _message(7, counts.astype("<f8").tobytes())
        self._summary([_text(1, tag) + _message(5, histogram)], step)

    def image(self, tag: str, image: np.ndarray, step: int) -> None:
        """A picture, (height, width) or (height, width, 1, 3 or 4): integers of 0 to 255, or floats of 0 to 1."""
        pixels = image if image.ndim == 3 else image[:, :, None]
        if pixels.dtype.kind == "f":
            pixels = np.round(np.clip(np.nan_to_num(pixels), 0.0, 1.0) * 255)
        height, width, channels = pixels.shape
        picture = _integer(1, height) + _integer(2, width) + _integer(3, channels)
        picture += _message(4, png(np.clip(pixels, 0, 255).astype("uint8")))
        self._summary([_text(1, tag) + _message(4, picture)], step)

    def graph(self, nodes: Iterable[tuple[str, str, Iterable[str]]]) -> None:
        """A graph: (name, kind, names of the nodes that its inputs come from) of each node."""
        made = b""
        for name, kind, sources in nodes:
            made += _message(1, _text(1, name) + _text(2, kind) + b"".join(_text(3, source) for source in sources))
        self._write(_message(4, made + _message(4, _integer(1, 22))), 0)

    def hyperparameters(self, given: Mapping[str, str | float | bool], metrics: Iterable[str]) -> None:
        """A run's hyperparameters, and the scalars that it is judged by."""
        kinds = {name: _kind(value) for name, value in given.items()}
        infos = b"".join(_message(5, _text(1, name) + _integer(4, NAMES[kind])) for name, kind in kinds.items())
        judged = b"".join(_message(6, _message(1, _text(2, tag))) for tag in metrics)
        entries = b"".join(
            _message(1, _text(1, name) + _message(2, _value(given[name], kind))) for name, kind in kinds.items()
        )
        self._plugin("experiment", _message(2, infos + judged))
        self._plugin("session_start_info", _message(3, entries + _double(5, time.time())))
        self._plugin("session_end_info", _message(4, _integer(1, 1) + _double(2, time.time())))

    def _plugin(self, name: str, content: bytes) -> None:
        metadata = _message(9, _message(1, _text(1, "hparams") + _message(2, content)))
        nothing = _message(8, _integer(1, 1) + _message(2, _message(2, _integer(1, 0))))  # a tensor of no float
        self._summary([_text(1, f"_hparams_/{name}") + nothing + metadata], 0)

    def _summary(self, values: Iterable[bytes], step: int) -> None:
        self._write(_message(5, b"".join(_message(1, value) for value in values)), step)

    def _write(self, what: bytes, step: int) -> None:
        event = _double(1, time.time()) + _integer(2, step) + what
        length = struct.pack("<Q", len(event))
        with file_errors(self.path, "TensorBoard"):
            self._stream.write(length + _masked(length) + event + _masked(event))


def png(pixels: np.ndarray) -> bytes:
    """Pixels (height, width, 1, 3 or 4) of uint8 as a PNG."""
    height, width, channels = pixels.shape
    rows = np.concatenate(
        [np.zeros((height, 1), "uint8"), pixels.reshape(height, -1)], axis=1
    )  # each begins with its filter
    header = struct.pack(">IIBBBBB", width, height, 8, {1: 0, 3: 2, 4: 6}[channels], 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows.tobytes())) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


# -- messages ----------------------------------------------------------------------------------------------------------------


def _varint(number: int) -> bytes:
    made = bytearray()
    while number > 0x7F:
        made.append(number & 0x7F | 0x80)
        number >>= 7
    made.append(number)
    return bytes(made)


def _integer(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _double(field: int, value: float) -> bytes:
    return _varint(field << 3 | 1) + struct.pack("<d", value)


def _float(field: int, value: float) -> bytes:
    return _varint(field << 3 | 5) + np.float32(value).tobytes()


def _message(field: int, content: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(content)) + content


def _text(field: int, text: str) -> bytes:
    return _message(field, text.encode("utf-8", "backslashreplace"))


def _kind(value: str | float | bool) -> type:
    return bool if isinstance(value, (bool, np.bool_)) else str if isinstance(value, str) else float


def _value(value: str | float | bool, kind: type) -> bytes:
    """A google.protobuf.Value."""
    if kind is bool:
        return _integer(4, int(value))
    return _text(3, str(value)) if kind is str else _double(2, float(value))


# -- checksums ---------------------------------------------------------------------------------------------------------------


def _table() -> list[int]:
    """CRC-32C (Castagnoli) of each byte."""
    made = []
    for byte in range(256):
        value = byte
        for _ in range(8):
            value = value >> 1 ^ (0x82F63B78 if value & 1 else 0)
        made.append(value)
    return made


_CRC = _table()


def crc32c(content: bytes) -> int:
    """The CRC-32C of some bytes.

    Example:
        >>> hex(crc32c(b"123456789"))
        '0xe3069283'
    """
    value = 0xFFFFFFFF
    for byte in content:
        value = value >> 8 ^ _CRC[(value ^ byte) & 0xFF]
    return value ^ 0xFFFFFFFF


def _masked(content: bytes) -> bytes:
    value = crc32c(content)
    return struct.pack("<I", ((value >> 15 | value << 17) + 0xA282EAD8) & 0xFFFFFFFF)

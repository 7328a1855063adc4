"""The logs of epochs as a table in a file."""

from __future__ import annotations

import csv
import io
import os
from typing import Any

from unidl.arguments import flag, refuse
from unidl.callbacks.callback import Callback
from unidl.capture import told_arguments
from unidl.files import checked_path, file_errors, write_text


class CSVLogger(Callback):
    """Write each epoch's logs to a CSV file: a column for "epoch" and for each number, a row for each epoch.

    The file is complete after each epoch, in an order of columns that no later epoch changes: a number that a later epoch has for the
    first time is a column at the end. A run that is resumed has the rows of a run that never stopped, but for "seconds".

    Args:
        path: The file, "log.csv".
        separator: The character between two columns.
        append: Whether a new run adds its rows to those that are there; else it begins a new file.

    Raises:
        FileError: The file cannot be written, or what is there is no such table.

    Example:
        >>> import numpy, pathlib, tempfile, unidl
        >>> x = numpy.zeros((8, 3), "float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse", optimizer=unidl.optimizers.SGD(0.1))
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "log.csv")
        ...     h = t.fit(x, x[:, :1], epochs=2, callbacks=[unidl.callbacks.CSVLogger(path)], progress=False)
        ...     print([line.split(",")[:2] for line in path.read_text().splitlines()])
        [['epoch', 'loss'], ['1', '0.0'], ['2', '0.0']]
    """

    in_dev_run = False

    @told_arguments
    def __init__(self, path: str | os.PathLike[str], separator: str = ",", append: bool = False) -> None:
        self.path = checked_path(path, "CSVLogger")
        if not isinstance(separator, str) or len(separator) != 1 or separator in '"\r\n\0':
            raise refuse(self, "separator", "one character, which is no quote and no line break", separator)
        self.separator = separator
        self.append = flag(self, "append", append)
        self._names: list[str] = []
        self._rows: list[list[str]] = []

    def on_start(self, trainer: Any) -> None:
        """Begin the file, so that one that cannot be written is known before the first step."""
        self._names, self._rows = ["epoch"], []
        there = self.append and self.path.exists()
        if there:
            with file_errors(self.path, "CSVLogger", "read"):
                lines = list(csv.reader(io.StringIO(self.path.read_text("utf-8")), delimiter=self.separator))
            self._names, self._rows = (lines[0], lines[1:]) if lines else (["epoch"], [])
        if not there and not trainer.resuming:
            self._write()

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """Write the epoch's row."""
        self._names += [name for name in numbers if name not in self._names]
        told = {name: repr(float(value)) for name, value in numbers.items()} | {
            "epoch": str(len(trainer.progress.epochs))
        }
        self._rows.append([told.get(name, "") for name in self._names])
        self._write()

    def _write(self) -> None:
        written = io.StringIO()
        writer = csv.writer(written, delimiter=self.separator, lineterminator="\n")
        width = len(self._names)
        writer.writerow(self._names)
        writer.writerows([*row, *[""] * (width - len(row))] for row in self._rows)
        write_text(self.path, written.getvalue(), "CSVLogger")

    def state(self) -> dict[str, Any]:
        """The table so far."""
        return {"names": list(self._names), "rows": [list(row) for row in self._rows]}

    def restore(self, state: dict[str, Any]) -> None:
        """The table as it was: rows of epochs behind the checkpoint are taken again."""
        self._names = [str(name) for name in state["names"]]
        self._rows = [[str(cell) for cell in row] for row in state["rows"]]
        self._write()

"""A TensorBoard log."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from unidl.arguments import flag, function, mapping, optional, positive, refuse
from unidl.callbacks.callback import Callback
from unidl.callbacks.event_file import EventFile
from unidl.capture import told_arguments
from unidl.errors import DataError
from unidl.files import checked_path
from unidl.inspection.layer_graph import layer_graph


class TensorBoard(Callback):
    """Write a log that TensorBoard shows: `tensorboard --logdir runs`.

    Scalars: each epoch's numbers under their names ("loss", "val_loss"), each step's under "step/…", both by the number of optimizer
    steps. Histograms of the weights, the graph of the model's layers, pictures, and hyperparameters. Nothing needs to be installed to
    write it, and no framework is imported. A run that is resumed goes on behind its checkpoint.

    Args:
        directory: The folder of this run, "runs/a"; it is made.
        steps: Whether each step's numbers are written.
        histograms: Epochs between two histograms of each weight; None writes none.
        graph: Whether the graph of layers is written.
        images: function(trainer) of each epoch's end, which returns {name: picture}, arrays (height, width) or (height, width,
            channels) with 1, 3 or 4 channels: integers from 0 to 255, or floats from 0 to 1.
        hyperparameters: {name: number, text or bool}, shown beside the last numbers of the epochs.

    Raises:
        FileError: The folder cannot be written to.

    Example:
        >>> import numpy, os, tempfile, unidl
        >>> x = numpy.ones((8, 3), "float32")
        >>> t = unidl.Trainer(unidl.Sequential([unidl.layers.Dense(1)]), loss="mse")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     board = unidl.callbacks.TensorBoard(folder, hyperparameters={"units": 1})
        ...     h = t.fit(x, x[:, :1], epochs=2, callbacks=[board], progress=False)
        ...     [name.split(".")[2] for name in os.listdir(folder)]
        ['tfevents']
    """

    in_dev_run = False

    @told_arguments
    def __init__(
        self,
        directory: str | os.PathLike[str],
        steps: bool = True,
        histograms: int | None = 1,
        graph: bool = True,
        images: Callable[[Any], Mapping[str, Any]] | None = None,
        hyperparameters: Mapping[str, Any] | None = None,
    ) -> None:
        self.directory = checked_path(directory, "TensorBoard")
        self.steps = flag(self, "steps", steps)
        self.histograms = optional(positive, self, "histograms", histograms)
        self.graph = flag(self, "graph", graph)
        self.images = optional(function, self, "images", images)
        self.hyperparameters = dict(optional(mapping, self, "hyperparameters", hyperparameters) or {})
        for name, value in self.hyperparameters.items():
            if not isinstance(name, str) or not isinstance(value, (str, bool, int, float, np.number, np.bool_)):
                raise refuse(self, "hyperparameters", "a dict of name -> number, text or bool", {name: value})
        self._file: EventFile | None = None
        self._step = 0  # the last one that was logged

    def on_start(self, trainer: Any) -> None:
        """Make the file."""
        self._file, self._step = EventFile(self.directory), trainer.steps_taken
        if self.graph and not trainer.resuming:
            drawn = layer_graph(trainer.model)
            sources = {node.id: [edge.source for edge in drawn.edges if edge.target == node.id] for node in drawn.nodes}
            self._file.graph((_node(node.id), node.op, map(_node, sources[node.id])) for node in drawn.nodes)

    def on_batches(self, trainer: Any, logs: Any) -> None:
        """Each step's numbers."""
        self._step = int(logs.steps[-1])
        if self._file is not None and self.steps:
            for i, step in enumerate(logs.steps.tolist()):
                self._file.scalars({f"step/{name}": float(column[i]) for name, column in logs.items()}, step)

    def on_epoch_end(self, trainer: Any, numbers: dict[str, float]) -> None:
        """The epoch's numbers, histograms and pictures."""
        if self._file is None:
            return
        step, epochs = trainer.steps_taken, len(trainer.progress.epochs)
        self._file.scalars(numbers, step)
        if self.hyperparameters and epochs == 1:
            self._file.hyperparameters(self.hyperparameters, numbers)
        if self.histograms and epochs % self.histograms == 0:
            for path, array in trainer.model.weights().items():
                self._file.histogram(path, array, step)
        for name, picture in (self.images(trainer) if self.images is not None else {}).items():
            self._file.image(str(name), _picture(name, picture), step)
        self._file.flush()

    def on_interrupt(self, trainer: Any) -> None:
        """Close the file."""
        self._close()

    def on_exception(self, trainer: Any, error: Exception) -> None:
        """Close the file."""
        self._close()

    def on_end(self, trainer: Any) -> None:
        """Close the file."""
        self._close()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def state(self) -> dict[str, Any]:
        """How far it is."""
        return {"step": self._step}

    def restore(self, state: dict[str, Any]) -> None:
        """What was logged behind the checkpoint does not count: it is logged again."""
        self._step = int(state["step"])
        if self._file is not None:
            self._file.resumed(self._step + 1)


def _node(name: str) -> str:
    """A node's name as TensorBoard has it: a scope is a part before a slash."""
    return name.replace(" ", "_").replace(":", "_")


def _picture(name: Any, given: Any) -> np.ndarray:
    array = np.asarray(given)
    channels = array.shape[2] if array.ndim == 3 else 1
    if array.ndim not in (2, 3) or channels not in (1, 3, 4) or array.dtype.kind not in "uifb" or not array.size:
        raise DataError(
            f"TensorBoard: the picture {name!r} is none.",
            expected="an array (height, width), or (height, width, channels) with 1, 3 or 4 channels",
            received=f"{array.dtype} of shape {array.shape}",
        )
    return array * np.uint8(255) if array.dtype.kind == "b" else array

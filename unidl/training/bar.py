"""The progress bar of a training run: in a terminal, a pipe or file, or a notebook."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column

from unidl.terminal import console, plain
from unidl.training.epoch_line import epoch_line, epoch_name, running_line
from unidl.training.notebook import Display, notebook
from unidl.visible import visible

REFRESH_SECONDS = 0.25


class Bar:
    """Steps done, the means of the epoch so far, the learning rate, and the time left in the whole run.

    Refreshed by time, so that numbers are seldom put together. In a terminal it moves; in a notebook it is one display, whose last line
    changes; elsewhere each epoch is one line. What cannot be written is lost, and the training goes on.

    Args:
        show: Whether to show anything.
    """

    def __init__(self, show: bool) -> None:
        self.console = console(sys.stdout)
        self.show = show
        self._display = Display() if show and notebook() is not None else None
        self._is_terminal = show and self._display is None and self.console.is_terminal
        self.moving = self._is_terminal or self._display is not None
        self._progress: Progress | None = None  # in a terminal only: it takes a millisecond to make
        self._shown = 0.0
        self._epoch = ""
        self._steps: int | None = None  # of the epoch
        self._left: Callable[[], float | None] = lambda: None

    def __enter__(self) -> Self:
        if self._is_terminal:
            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(bar_width=10), MofNCompleteColumn(), TimeElapsedColumn(),
                TextColumn("{task.fields[numbers]}", markup=False, table_column=Column(no_wrap=True, overflow="ellipsis")),
                console=self.console, transient=True, auto_refresh=False,
            )  # fmt: skip
            self._task = self._progress.add_task("", total=None, numbers="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()
        if self._display is not None:
            self._display.end()

    def begin(self, epoch: int, epochs: int | None, steps: int | None, left: Callable[[], float | None]) -> None:
        """A new epoch.

        Args:
            epoch: Counted from 1.
            epochs: Of the run; None where nobody knows.
            steps: Of the epoch, likewise.
            left: Seconds to the end of the run; None where nobody knows.
        """
        self._epoch, self._steps, self._left = epoch_name(epoch, epochs), steps, left
        if self._progress is not None:
            self._progress.reset(self._task, total=steps, description=self._epoch, numbers="")

    def step(self, done: int, numbers: Callable[[], Mapping[str, float]]) -> None:
        """Steps were taken; `numbers` is asked for only when the bar is drawn again.

        Args:
            done: Steps of the epoch so far.
            numbers: The means so far, and the learning rates.
        """
        if not self.moving or time.perf_counter() - self._shown <= REFRESH_SECONDS:
            return
        text = running_line({visible(name): value for name, value in numbers().items()}, self._left())
        if self._progress is not None:
            self._progress.update(self._task, completed=done, numbers=text, refresh=True)
        if self._display is not None:
            of = "" if self._steps is None else f"/{self._steps}"
            self._display.change(f"{self._epoch}  step {done}{of}  {text}")
        self._shown = time.perf_counter()

    def end(self, epoch: int, epochs: int | None, numbers: Mapping[str, float]) -> None:
        """An epoch ended."""
        if self.show:
            width = self.console.width if self._is_terminal else None  # in a file a line may have any length
            self._line(epoch_line(epoch, epochs, {visible(name): value for name, value in numbers.items()}, width))

    def say(self, text: str) -> None:
        """Something worth a line."""
        if self.show:
            self._line(text)

    def _line(self, text: str) -> None:
        if self._display is not None:
            self._display.add(visible(text))
        else:
            self.console.print(plain(text), soft_wrap=True)  # whole, however narrow what it is written to

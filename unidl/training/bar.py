"""The live bar of a training run."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Column

from unidl.terminal import console, plain
from unidl.training.epoch_line import epoch_line
from unidl.visible import visible

REFRESH_SECONDS = 0.25


class Bar:
    """Steps done, time left and the loss so far; refreshed by time, so that the loss is seldom read from the device.

    On a terminal it moves; elsewhere each epoch is one line. What cannot be written is lost, and the training goes on.

    Args:
        show: Whether to show anything.
    """

    def __init__(self, show: bool) -> None:
        self.console = console(sys.stdout)
        self.show = show
        self.moving = show and self.console.is_terminal
        self._progress: Progress | None = None  # on a terminal only: it takes a millisecond to make
        self._shown = 0.0

    def __enter__(self) -> Self:
        if self.moving:
            self._progress = Progress(
                TextColumn("{task.description}"), BarColumn(bar_width=10), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
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

    def begin(self, epoch: int, epochs: int, steps: int | None) -> None:
        """A new epoch."""
        if self._progress is not None:
            self._progress.reset(self._task, total=steps, description=f"epoch {epoch}/{epochs}", numbers="")

    def step(self, done: int, numbers: Callable[[], str]) -> None:
        """A step was taken; `numbers` is asked for its text only when the bar is drawn anew."""
        if self._progress is not None and time.perf_counter() - self._shown > REFRESH_SECONDS:
            self._progress.update(self._task, completed=done, numbers=visible(numbers()), refresh=True)
            self._shown = time.perf_counter()

    def end(self, epoch: int, epochs: int, numbers: dict[str, float]) -> None:
        """An epoch ended."""
        if self.show:
            width = self.console.width if self.console.is_terminal else None  # in a file a line may have any length
            self._line(epoch_line(epoch, epochs, {visible(name): value for name, value in numbers.items()}, width))

    def say(self, text: str) -> None:
        """Something worth a line."""
        if self.show:
            self._line(text)

    def _line(self, text: str) -> None:
        self.console.print(plain(text), soft_wrap=True)  # whole, however narrow what it is written to

"""Where the command's tables are printed."""

from __future__ import annotations

import rich.console


class Console(rich.console.Console):
    """rich's, but a pipe that its reader closed is told as to any other print: rich would end the process with exit code 1."""

    def on_broken_pipe(self) -> None:
        """Told by rich while it handles the error."""
        raise  # noqa: PLE0704  # the BrokenPipeError that rich is handling

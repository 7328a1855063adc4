"""Every error that unidl raises on purpose.

Each is a small page of documentation: what was attempted, what was expected, what was received, and what to do. Each also
derives from the built-in error a Python programmer would expect, so `except ValueError` goes on working.
"""

from __future__ import annotations

from unidl.visible import visible_lines as _shown


class UnidlError(Exception):
    """Base of all errors that unidl raises on purpose.

    Args:
        attempted: One sentence: what was tried, with the layer's path where there is one.
        expected: What would have been right.
        received: What came instead.
        fix: What the reader can do about it.
    """

    def __init__(
        self,
        attempted: str,
        *,
        expected: str | None = None,
        received: str | None = None,
        fix: str | None = None,
    ) -> None:
        lines = [attempted]
        if expected is not None:
            lines.append(f"Expected: {expected}")
        if received is not None:
            lines.append(f"Received: {received}")
        if fix is not None:
            lines.append(f"Fix: {fix}")
        super().__init__(_shown("\n".join(lines)))  # names and texts of files are in it, and it reaches a terminal
        self.attempted = attempted
        self.expected = expected
        self.received = received
        self.fix = fix
        self.place: str | None = None
        self.op: str | None = None

    def in_op(self, title: str) -> None:
        """Say in which op it happened; of ops that are made of others, the one that the user called counts."""
        if self.place is None:
            text = str(self.args[0]).removeprefix("" if self.op is None else f"{self.op}: ")
            self.args = (text if text.startswith(f"{title} ") else f"{title}: {text}", *self.args[1:])
            self.op = title

    def locate(self, place: str) -> None:
        """Say where it happened (the innermost layer that was called), once."""
        if self.place is None:
            self.place = place
            self.args = (_shown(f"{place}: {self.args[0]}"), *self.args[1:])


class BackendUnavailableError(UnidlError, ImportError):
    """A backend is missing, misspelt or broken."""


class BackendMismatchError(UnidlError, RuntimeError):
    """Objects of two backends, or of two builds, meet where one is needed."""


class DeviceError(UnidlError, ValueError):
    """A device is misspelt or not there."""


class ShapeError(UnidlError, ValueError):
    """A shape does not fit."""


class IndexOutOfRangeError(UnidlError, IndexError):
    """An index names no element of the axis that it counts on."""


class DivisionByZeroError(UnidlError, ZeroDivisionError):
    """Integers were divided by 0; floats give infinity or NaN."""


class DtypeError(UnidlError, TypeError):
    """A data type does not fit."""


class ArgumentError(UnidlError, ValueError):
    """An argument has a value that unidl does not know or cannot use."""


class UnknownArgumentError(ArgumentError, TypeError):
    """A call has an argument that does not exist, or lacks one."""


class DataError(UnidlError, ValueError):
    """The data given to a Trainer or a model cannot be used as it is."""


class WeightError(UnidlError, ValueError):
    """Weights are missing, extra, or of another shape."""


class NotPortableError(UnidlError, TypeError):
    """An operation that not every backend understands alike; the message names the `ops` call that works everywhere."""


class NativeStructureError(UnidlError, RuntimeError):
    """The native object was changed so that the description no longer fits it."""


class NotBuiltError(UnidlError, RuntimeError):
    """Something needs a built model and the model is not built."""


class NotCalledError(NotBuiltError, AttributeError):
    """A weight is read where there is none: before the layer's first call, or outside a forward."""


class ConcurrentUseError(UnidlError, RuntimeError):
    """A model is used in one thread while another one trains it, or a Trainer is used inside its own `fit`."""


class ContextError(UnidlError, RuntimeError):
    """A framework's context or setting stands around a call, and would change what it computes."""


class ForkError(UnidlError, RuntimeError):
    """A model is used in the child of a fork that its framework did not survive."""


class ForeignNameError(UnidlError, AttributeError):
    """A name from another framework; the message says unidl's way."""


class LayerPathError(UnidlError, KeyError):
    """No layer has this path."""

    def __str__(self) -> str:
        """The message as it stands (KeyError would show its repr)."""
        return str(self.args[0])


class LogNameError(UnidlError, KeyError):
    """A training run has no log of this name."""

    def __str__(self) -> str:
        """The message as it stands (KeyError would show its repr)."""
        return str(self.args[0])


class ConformanceError(UnidlError, AssertionError):
    """A backend does not compute what a definition means."""


class FileError(UnidlError, OSError, ValueError):
    """A file is damaged, foreign, hostile or of an unknown version, or cannot be read or written.

    Where the operating system refused (a full disk, no permission), `errno` and `filename` say so, as in every OSError.
    """

    def __str__(self) -> str:
        """The message as it stands (OSError would show errno and filename)."""
        return str(self.args[0])


class MissingFileError(FileError, FileNotFoundError):
    """There is no file at a path that is to be read."""


class NotSerializableError(UnidlError, TypeError):
    """Something in a description cannot be written to a file that executes nothing when it is read."""


class ExportError(UnidlError, TypeError):
    """A model, or one of its layers, cannot go into a format."""


class SourceError(UnidlError, TypeError):
    """A model cannot be written as source code of a framework."""


class MissingPackageError(UnidlError, ImportError):
    """Something needs a package that is not installed; the message says the command that brings it."""


class CheckpointError(UnidlError, OSError):
    """A checkpoint cannot be written, or there is none that can be read."""


class TrainingInterrupted(KeyboardInterrupt):
    """Ctrl-C ended a run after a whole step. A KeyboardInterrupt, so that what catches only errors lets it pass.

    Args:
        message: Where it stopped, and how to go on.
        history: What the run had done.
    """

    def __init__(self, message: str, history: object) -> None:
        super().__init__(_shown(message))
        self.history = history


class TrainingTerminated(SystemExit):
    """SIGTERM or SIGHUP ended a run after a whole step. A SystemExit: the process ends, with the exit code that shells give the signal.

    Args:
        message: Where it stopped, and how to go on.
        history: What the run had done.
        number: The signal's number; the exit code is 128 more.
    """

    def __init__(self, message: str, history: object, number: int) -> None:
        super().__init__(message)
        self.code = 128 + number
        self.history = history


class NonFiniteWarning(UserWarning):
    """A loss or another number of training is infinite or not a number."""

    def __init__(self, message: str) -> None:
        super().__init__(_shown(message))  # names are in it


class CheckpointWarning(UserWarning):
    """A checkpoint could not be written or read, and the run goes on from or with the one before."""

    def __init__(self, message: str) -> None:
        super().__init__(_shown(message))  # names are in it

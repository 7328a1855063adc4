"""The main job: one script, three frameworks. Trains image_classification.py on each backend in turn, then compares them.

    python examples/demo.py [BACKEND ...]

Each run has a process of its own, in which only the variable UNIDL_BACKEND differs.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context

import image_classification
from rich.console import Console
from rich.table import Table

import unidl

BACKENDS = ("tensorflow", "keras", "torch")

PRIVATE = ("src", "python", "unidl")  # folders that hold a package's insides

# One thread for each framework, unless told otherwise: so the seconds compare, and a busy machine is not many times slower.
QUIET = {
    "OMP_NUM_THREADS": "1",
    "TF_NUM_INTRAOP_THREADS": "1",
    "TF_NUM_INTEROP_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",
}


def run(backend: str) -> list[str]:
    """The example in a fresh process, which inherits the variable and this terminal; a row of the table."""
    os.environ["UNIDL_BACKEND"] = backend
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
        return process.submit(row).result()


def row() -> list[str]:
    """Run the example here, and say what it made."""
    with messages_of_import():
        unidl.to_numpy(unidl.ops.ones(()))
    model, accuracy, seconds = image_classification.main()
    native = type(model.native)
    named = [name for name in map(public_name, native.__mro__) if name]
    public = next(
        name for name in named if name.endswith((".Model", ".Module"))
    )  # a keras.Model is many things besides
    return [
        model.backend,
        f"{native.__module__}.{native.__qualname__},\na {public}",
        f"{accuracy:.3f}",
        f"{seconds:.2f}",
    ]


@contextmanager
def messages_of_import() -> Iterator[None]:
    """Keep off the terminal what TensorFlow's C++ writes while it is imported and looks for a GPU, whatever its log level is."""
    sys.stderr.flush()
    terminal = os.dup(2)
    with tempfile.TemporaryFile() as kept:
        os.dup2(kept.fileno(), 2)
        try:
            yield
        except BaseException:
            kept.seek(0)
            os.write(terminal, kept.read())
            raise
        finally:
            sys.stderr.flush()
            os.dup2(terminal, 2)
            os.close(terminal)


def public_name(cls: type) -> str | None:
    """How a user of the framework writes a class of its: torch.nn.Module; None if it is not public."""
    parts = cls.__module__.split(".")
    for end in range(1, len(parts)):
        module = ".".join(parts[:end])
        if parts[end - 1] in PRIVATE:
            break
        if getattr(sys.modules.get(module), cls.__name__, None) is cls:
            return f"{module}.{cls.__qualname__}"
    return None


def table(rows: list[list[str]]) -> Table:
    """What model.native is, how good it got and how long it took, for each backend."""
    drawn = Table(title="\nexamples/image_classification.py on 5,000 digits of MNIST", title_justify="left")
    drawn.add_column("backend")
    drawn.add_column("model.native", overflow="fold")
    drawn.add_column("accuracy", justify="right")
    drawn.add_column("s/epoch", justify="right")
    for cells in rows:
        drawn.add_row(*cells)
    return drawn


def main(backends: list[str]) -> None:
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)
    console = Console()
    rows = []
    for backend in backends:
        console.rule(f"UNIDL_BACKEND={backend} python examples/image_classification.py", align="left")
        sys.stdout.flush()  # before the other process writes
        rows.append(run(backend))
    console.print(table(rows))


if __name__ == "__main__":
    main(sys.argv[1:] or list(BACKENDS))

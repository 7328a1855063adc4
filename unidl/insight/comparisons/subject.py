"""The code that is compared, run as it is."""

from __future__ import annotations

import io
import linecache
import os
import pickle
import sys
import traceback
import types
from pathlib import Path
from typing import Any

from unidl.data import Source
from unidl.insight.comparisons.job import Job, Work
from unidl.models import Model
from unidl.terminal import Output, put
from unidl.training import Trainer


def run_script(job: Job, text: str | os.PathLike[str]) -> int:
    """Run the script as `python SCRIPT` does, and leave what it made in place, as at the end of a script's process.

    Not with runpy: its module ends with the script, and what is measured afterwards still belongs to it.

    Args:
        job: Names the script.
        text: The file whose text is run under the script's name: the script, or its changed copy.

    Returns:
        Its exit code.
    """
    assert job.script is not None
    module = types.ModuleType("__main__")
    module.__file__ = job.script
    sys.modules["__main__"] = module
    sys.argv = [job.name, *job.arguments]
    try:
        with io.open_code(str(text)) as file:
            code = compile(file.read(), job.script, "exec")
        exec(code, module.__dict__)
    except SystemExit as stopped:
        return _exit_code(stopped)
    finally:
        Output(sys.stdout).flush()
    return 0


def _exit_code(stopped: SystemExit) -> int:
    """As the interpreter reads it."""
    if stopped.code is None or isinstance(stopped.code, int):
        return stopped.code or 0
    put(str(stopped.code), error=True)
    return 1


def prepare_script(job: Job) -> None:
    """The search path of `python SCRIPT`."""
    if not sys.flags.safe_path:  # python -P puts no folder before the others
        sys.path[0] = str(Path(job.script or "").resolve().parent)


def prepare_functions(job: Job) -> None:
    """The search path of the process that compares, and its sources that lie in no file, which TensorFlow's AutoGraph reads."""
    sys.path[:] = job.path
    for name, lines in job.sources.items():
        linecache.cache[name] = (sum(map(len, lines)), None, list(lines), name)


def train(pickled: bytes, data_file: str) -> None:
    """Load the functions, make the Trainer and train."""
    work: Work = pickle.loads(pickled)
    with Path(data_file).open("rb") as file:
        data = pickle.load(file)
    made = work.build()
    trainer = made if isinstance(made, Trainer) else Trainer(_model(made), **work.trainer)
    data = data() if callable(data) and not isinstance(data, Source) else data
    parts = data if isinstance(data, tuple) else (data,)
    weights = {"sample_weight": parts[2]} if len(parts) == 3 else {}
    trainer.fit(*(parts[:2] if weights else parts), **{"progress": False, **weights, **work.fit})


def _model(made: Any) -> Model:
    """Anything else a Trainer refuses in its own words."""
    result: Model = made
    return result


def told(error: BaseException) -> dict[str, str]:
    """An error as plain data: its class, what it says, and the traceback without the lines of the measuring process."""
    inner = error.__traceback__
    while inner is not None and Path(inner.tb_frame.f_code.co_filename).parent == Path(__file__).parent:
        inner = inner.tb_next
    lines = traceback.format_exception(type(error), error, inner)
    return {
        "kind": type(error).__name__,
        "message": str(error) or type(error).__name__,
        "traceback": "".join(lines),
    }

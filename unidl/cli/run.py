"""`unidl run`: a script as `python SCRIPT` runs it, with the backend and the device chosen first."""

from __future__ import annotations

import argparse
import os
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from unidl.backends import registry
from unidl.backends.device_name import check_name
from unidl.cli.exit_code import DONE, FAILED, INTERRUPTED, UNAVAILABLE, WRONG_COMMAND
from unidl.cli.subcommand import Example, Subcommand
from unidl.errors import BackendUnavailableError, DeviceError, TrainingInterrupted
from unidl.settings import BACKEND_VARIABLE, DEVICE_VARIABLE, Choice
from unidl.terminal import put


def _run(parsed: argparse.Namespace, rest: Sequence[str]) -> int:
    path = Path(parsed.script)
    if not path.is_file():
        put(f"unidl run: there is no script {parsed.script!r} here ({Path.cwd()}).", error=True)
        return WRONG_COMMAND
    try:
        if parsed.backend is not None:
            registry.check(Choice(parsed.backend, "--backend"))
        if parsed.device is not None:
            check_name(Choice(parsed.device, "--device"))
    except (BackendUnavailableError, DeviceError) as error:
        put(str(error), error=True)
        return UNAVAILABLE
    # the environment, so that processes which the script starts have the same choice
    for variable, value in ((BACKEND_VARIABLE, parsed.backend), (DEVICE_VARIABLE, parsed.device)):
        if value is not None:
            os.environ[variable] = value
    sys.argv = [parsed.script, *rest]
    if not sys.flags.safe_path:  # python -P puts no folder before the others
        sys.path[0] = str(path.resolve().parent)
    return _as_python_does(parsed.script)


def _as_python_does(script: str) -> int:
    """Run it as `__main__`; a traceback begins in the script, as Python's own does."""
    try:
        runpy.run_path(script, run_name="__main__")
    except TrainingInterrupted as error:  # it says how to go on
        put(f"\n{error}", error=True)
        return INTERRUPTED
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001  # whatever the script raised is shown, with its own code
        error.__traceback__ = _from(script, error.__traceback__)
        sys.excepthook(type(error), error, error.__traceback__)
        if isinstance(error, (BackendUnavailableError, DeviceError)):
            return UNAVAILABLE
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FAILED
    return DONE


def _from(script: str, trace: TracebackType | None) -> TracebackType | None:
    """The traceback without the frames of this command; whole where the script was not reached (it is no Python)."""
    found = trace
    while found is not None and found.tb_frame.f_code.co_filename != script:
        found = found.tb_next
    return found or trace


def _arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("script", metavar="SCRIPT", help="path of the script")
    parser.add_argument("--backend", metavar="NAME", help="torch, keras, tensorflow, or a third party's")
    parser.add_argument("--device", metavar="DEVICE", help="cpu, gpu, gpu:1 or auto")


RUN = Subcommand(
    name="run",
    help="run a script on a backend",
    description="Run a Python script as `python SCRIPT` would, on the backend and device given here.",
    examples=(
        Example("unidl run train.py --backend keras", "the script on Keras; the code does not change"),
        Example(
            "unidl run train.py --backend torch --device cpu -- --epochs 3", "what stands after -- reaches the script"
        ),
    ),
    arguments=_arguments,
    run=_run,
    note="The choice reaches the script as UNIDL_BACKEND and UNIDL_DEVICE do: what the script itself chooses goes before it.\n"
    "KERAS_BACKEND=torch before it gives Keras that engine. The exit code is the script's own; 1 where it fails.",
    usage="unidl run SCRIPT [--backend NAME] [--device DEVICE] [-- ARGUMENTS]",
    takes_rest=True,
)

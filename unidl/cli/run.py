"""`unidl run`: a script as `python SCRIPT` runs it, with the backend and the device chosen first."""

from __future__ import annotations

import os
import runpy
import sys
from pathlib import Path

from unidl.backends import registry
from unidl.cli.exit_code import DONE, UNAVAILABLE, WRONG_COMMAND
from unidl.errors import BackendUnavailableError
from unidl.settings import BACKEND_VARIABLE, DEVICE_VARIABLE, Choice


def run_script(script: str, backend: str | None, device: str | None, arguments: list[str]) -> int:
    """Run the script as `__main__`; what it raises is not caught.

    Args:
        script: Its path.
        backend: Name of the backend; None leaves the choice as it is.
        device: Name of the device; None leaves the choice as it is.
        arguments: What the script finds in `sys.argv[1:]`.
    """
    path = Path(script)
    if not path.is_file():
        print(f"unidl run: there is no script {script!r} here ({Path.cwd()}).", file=sys.stderr)
        return WRONG_COMMAND
    if backend is not None:
        try:
            registry.check(Choice(backend, "--backend"))
        except BackendUnavailableError as error:
            print(error, file=sys.stderr)
            return UNAVAILABLE
    # the environment, so that processes which the script starts have the same choice
    for variable, value in ((BACKEND_VARIABLE, backend), (DEVICE_VARIABLE, device)):
        if value is not None:
            os.environ[variable] = value
    sys.argv = [script, *arguments]
    if not sys.flags.safe_path:  # python -P puts no folder before the others
        sys.path[0] = str(path.resolve().parent)
    runpy.run_path(script, run_name="__main__")
    return DONE

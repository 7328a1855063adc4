"""Where code lies: the user's, or somebody else's; and paths as everybody has them."""

from __future__ import annotations

import os
import sys
import sysconfig
from pathlib import Path

import unidl

GENERATED = "__autograph_generated_file"  # what AutoGraph makes of a function: nobody wrote it


def roots() -> list[str]:
    """Folders that hold packages: unidl's, the installed ones, Python's own; inner ones first."""
    installed = {sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib")}
    return sorted({str(Path(unidl.__file__).parent.parent), *installed, *_folders()}, key=len, reverse=True)


def _folders() -> set[str]:
    """Those of a virtual environment's Python beneath it."""
    return {str(Path(os.__file__).parent), str(Path(sys.base_prefix, "lib"))}


def is_users(file: str) -> bool:
    """Whether a file is no package's, not Python's, and not unidl's own."""
    homes = [root for root in roots() if root != str(Path(unidl.__file__).parent.parent)]
    if file.startswith(("<frozen", "<string>", str(Path(unidl.__file__).parent), *homes)):
        return False
    return not Path(file).name.startswith(GENERATED)


def shortened(text: str) -> str:
    """A traceback with paths as they are in each installation: "torch/nn/modules/module.py"; the user's as seen from here."""
    for root in (*roots(), str(Path.cwd())):
        text = text.replace(f'"{root}{os.sep}', '"')
    return text

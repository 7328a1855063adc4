"""Peak memory of building, saving and loading a model, beside its file. Prints a table; with --write it is kept in docs/files.md.

    python -m tests.benchmarks.files [--megabytes 400] [--write] [BACKEND ...]

Each backend, and Keras on each engine, in a process of its own. A small model is built, saved and loaded first, so that what the
framework and unidl import then is not counted. Growth is that of the resident set: its peak during the action over what it was before
it (VmHWM after it was set back, less VmRSS).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import unidl
from unidl import layers

BARS = {"build": None, "save": 0.1, "load": 1.1}  # growth over the file's size, at most
SIDES = (("torch", ""), ("tensorflow", ""), ("keras", "tensorflow"), ("keras", "torch"))
PAGE = Path(__file__).parents[2] / "docs" / "files.md"
BEGIN, END = "<!-- measured: python -m tests.benchmarks.files --write -->", "<!-- end -->"


def model(units: int, backend: str) -> unidl.Model:
    """Four layers of units × units."""
    return unidl.Sequential([layers.Dense(units) for _ in range(4)]).build((units,), backend=backend)


def status(field: str) -> float:
    """Megabytes, of this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field):
            return int(line.split()[1]) / 1024
    raise LookupError(field)


def growth(action: Callable[[], Any]) -> tuple[float, Any]:
    """Megabytes by which memory grew at most, and what the action returned."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak is from now on
    before = status("VmRSS:")
    made = action()
    return status("VmHWM:") - before, made


def measured(backend: str, megabytes: int) -> dict[str, float]:
    """Growth of each action over the file's size."""
    units = round((megabytes * 2**20 / 16) ** 0.5)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.unidl")
        model(16, backend).save(path)
        unidl.load(path, backend=backend)
        built, made = growth(lambda: model(units, backend))
        saved, _ = growth(partial(made.save, path))
        del made
        loaded, kept = growth(lambda: unidl.load(path, backend=backend))
        size = path.stat().st_size / 2**20
        assert kept.is_built
    return {"build": built / size, "save": saved / size, "load": loaded / size}


def in_a_process(backend: str, engine: str, megabytes: int) -> dict[str, float]:
    """The same in a fresh process."""
    command = [sys.executable, "-m", "tests.benchmarks.files", "--one", "--megabytes", str(megabytes), backend]
    env = {**os.environ, **({"KERAS_BACKEND": engine} if engine else {})}
    done = subprocess.run(command, env=env, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, check=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(rows: dict[str, dict[str, float]]) -> str:
    """Markdown."""
    lines = ["| backend | build | save | load |", "|---|---|---|---|"]
    lines += [f"| {side} | {' | '.join(f'{found[kind]:.2f}' for kind in BARS)} |" for side, found in rows.items()]
    return "\n".join(lines)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("backends", nargs="*", metavar="BACKEND")
    parser.add_argument("--megabytes", type=int, default=400)
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--write", action="store_true")
    chosen = parser.parse_args()
    if chosen.one:
        print(json.dumps(measured(chosen.backends[0], chosen.megabytes)))
        return 0
    rows = {
        f"{backend} on {engine}" if engine else backend: in_a_process(backend, engine, chosen.megabytes)
        for backend, engine in SIDES
        if backend in (chosen.backends or ("torch", "tensorflow", "keras"))
    }
    print(table(rows))
    if chosen.write:
        before, _, rest = PAGE.read_text().partition(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{table(rows)}\n{END}{rest.partition(END)[2]}")
    too_much = [kind for kind, bar in BARS.items() if bar and any(found[kind] > bar for found in rows.values())]
    return 1 if too_much else 0


if __name__ == "__main__":
    sys.exit(main())

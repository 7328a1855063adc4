"""The table of a run: on the screen with rich, in docs/benchmarks.md, and as JSON beside it."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import json
import math
import os
import platform
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from tests.benchmarks.sides import BY_HAND, COMPILED, ON_SMALL, OWN_KERNELS, Pair

DOCS = Path(__file__).parents[2] / "docs"
Row = Mapping[str, Any]

HEAD = """# Benchmarks

Made by `tests/benchmarks/run.py`, all of which `python -m nox -s bench` runs. A ratio is the hand-written side's time over unidl's:
above 1 unidl is faster; of memory, the first step and portable numbers it is unidl's over the other: below 1 is better. Each is the
median over rounds in which the two sides take turns in one process (in brackets the quartiles), so that a busy machine slows both.
Where tensors lie in memory is settled once in a process and moves a ratio by a few percent; so rounds of several processes are pooled.
By hand means: torch with a fused optimizer and batches by `index_select`; TensorFlow with a whole epoch in one `tf.function`, batches
gathered in the graph and the fused `ResourceApply` kernels; Keras with `keras.Model.fit`. Same data, batches and mathematics:
`tests/benchmarks/test_workloads.py` compares the losses from the same weights (timed, each side starts from weights of its own). The
ratio of processor time is that of the process' own seconds on one thread, which what else runs on the machine disturbs less; the bars
are of the ratio by the clock.
"""


def machine() -> dict[str, str]:
    """Where and with what."""
    told = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    names = (line.partition(":")[2].strip() for line in told if line.startswith("model name"))
    model = next(names, platform.processor())
    versions = {}
    for name in ("torch", "tensorflow", "keras", "pytorch-lightning", "numpy"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "not installed"
    return {
        "date": dt.datetime.now(dt.UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "machine": f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}, no GPU",
        "python": platform.python_version(),
        **versions,
        "oneDNN's kernels in TensorFlow": versions["tensorflow"]
        if versions["tensorflow"] == "not installed"
        else onednn(),
    }


def onednn() -> str:
    """Whether TensorFlow takes them here: it decides by the processor, and its times differ by much."""
    ask = "from unidl.backends.tensorflow.device import by_onednn; print('on' if by_onednn() else 'off')"
    unasked = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    command = [sys.executable, "-c", ask]
    asked = subprocess.run(command, cwd=DOCS.parent, env=unasked, capture_output=True, text=True, check=True)
    return asked.stdout.strip()


def mean(values: Iterable[float]) -> float:
    """The geometric mean."""
    found = list(values)
    return math.exp(sum(map(math.log, found)) / len(found)) if found else math.nan


def shown(row: Row | None) -> str:
    if row is None:
        return ""
    return f"{row['ratio']:.2f} ({row['low']:.2f} to {row['high']:.2f})"


def of(rows: list[Row], pair: Pair, kind: str, name: str, threads: str) -> Row | None:
    keys = {"pair": pair.name, "kind": kind, "workload": name, "threads": threads}
    return next((row for row in rows if all(row.get(key) == value for key, value in keys.items())), None)


def verdict(pair: Pair, found: list[float]) -> str:
    """Whether what is asked is reached, said plainly."""
    if pair.bar is None or not found:
        return "no bar"
    reached = mean(found) >= pair.bar and (pair.least is None or min(found) >= pair.least)
    asked = f"mean ≥ {pair.bar:g}" + ("" if pair.least is None else f", none below {pair.least:g}")
    return f"{'pass' if reached else '**FAIL**'} ({asked})"


def grid(rows: list[Row], pairs: Iterable[Pair], kind: str) -> list[list[str]]:
    """A table: for each pair its workloads, then its mean."""
    lines = [
        [
            "pair",
            "workload",
            "unidl, ms",
            "by hand, ms",
            "ratio, one thread",
            "of processor time",
            "ratio, default threads",
        ]
    ]
    for pair in pairs:
        columns: dict[str, list[float]] = {"1": [], "default": []}
        for name in pair.workloads:
            one, many = (of(rows, pair, kind, name, threads) for threads in columns)
            for column, row in zip(columns.values(), (one, many), strict=True):
                if row is not None:
                    column.append(row["ratio"])
            row = one or many
            if row is not None:
                milliseconds = [f"{row[key]:.3g}" for key in ("unidl_ms", "native_ms")]
                processor = "" if one is None else f"{one['cpu_ratio']:.2f}"
                lines.append([pair.name, name, *milliseconds, shown(one), processor, shown(many)])
        if columns["1"] or columns["default"]:
            means = [f"**{mean(found):.2f}** {verdict(pair, found)}" if found else "" for found in columns.values()]
            lines.append([pair.name, "geometric mean", "", "", means[0], "", means[1]])
    return lines


def processes(rows: list[Row]) -> list[list[str]]:
    """Memory and the time to the first step."""
    lines = [["what", "backend", "workload", "unidl", "by hand", "ratio unidl / by hand", "asked"]]
    for row in rows:
        if row["kind"] in ("memory", "first"):
            unit, bar = ("MB", 1.05) if row["kind"] == "memory" else ("s", 1.2)
            what = "peak memory" if row["kind"] == "memory" else "time to the first step"
            verdict = f"{'pass' if row['ratio'] <= bar else '**FAIL**'} (≤ {bar})"
            values = [f"{row[key]:.1f} {unit}" for key in ("unidl", "native")]
            lines.append([what, row["pair"], row["workload"], *values, f"{row['ratio']:.2f}", verdict])
    return lines


def long_runs(rows: list[Row]) -> list[list[str]]:
    """Growth, and traces of a partial batch."""
    lines = [["backend", "steps", "growth in the second half", "forward runs: whole batches", "with a partial batch"]]
    for row in rows:
        if row["kind"] == "long":
            counted = [f"{row[f'{name}_runs']} in {row[f'{name}_steps']} steps" for name in ("whole", "partial")]
            lines.append([row["backend"], str(row["steps"]), f"{row['growth_mb']:.2f} MB", *counted])
    return lines


def controls(rows: list[Row]) -> list[list[str]]:
    """How soon a fit stops."""
    lines = [["backend", "times", "Ctrl-C: median, largest", "a loss that is no number: median, largest"]]
    for row in rows:
        if row["kind"] == "control":
            told = [f"{row[f'{name}_median']:.2f} s, {row[f'{name}_max']:.2f} s" for name in ("ctrl_c", "nonfinite")]
            lines.append([row["backend"], str(row["times"]), *told])
    return lines


def portables(rows: list[Row]) -> list[list[str]]:
    """What portable random numbers cost."""
    lines = [["backend", "model", "portable, ms", "native, ms", "portable / native"]]
    for row in rows:
        if row["kind"] == "portable":
            for name, found in row["workloads"].items():
                milliseconds = [f"{found[key]:.3g}" for key in ("portable_ms", "native_ms")]
                lines.append([row["backend"], name, *milliseconds, shown(found)])
    return lines


def sections(rows: list[Row]) -> list[tuple[str, str, list[list[str]]]]:
    """Heading, words, table."""
    found = [
        ("Training beside a hand-written loop", "", grid(rows, BY_HAND, "train")),
        (
            "The same, compiled",
            '`jit=True` beside the loops above, which are not compiled; the time to compile is not in it. `jit="auto"` takes it where it pays.',
            grid(rows, COMPILED, "train"),
        ),
        (
            "TensorFlow's own kernels",
            "Without oneDNN's on either side (`TF_ENABLE_ONEDNN_OPTS=0`), as TensorFlow decides by itself on many processors.",
            grid(rows, OWN_KERNELS, "train"),
        ),
        ("Small models beside a framework's own driver", "", grid(rows, ON_SMALL, "train")),
        (
            "Inference of one example",
            "NumPy in, NumPy out; by hand a traced function, `inference_mode`, `predict_on_batch`.",
            grid(rows, BY_HAND, "predict-1"),
        ),
        ("Inference of a large batch", "", grid(rows, BY_HAND, "predict-large")),
        (
            "Peak memory and time to the first step",
            "Each side in fresh processes of its own, in turn, medians. Memory: growth of `ru_maxrss` from the imports to the end of "
            "training. Time: from the interpreter's start to the first loss on the host, imports included.",
            processes(rows),
        ),
        (
            "Long runs",
            "A small model, resident memory when an epoch ends; Python's runs of a layer's forward, which in a graph happen once a trace.",
            long_runs(rows),
        ),
        (
            "How soon a fit stops",
            "A small network; from the signal, or the step, to the end of `fit`. Asked: about 0.2 s.",
            controls(rows),
        ),
        (
            "What portable random numbers cost",
            'A training step with `random="portable"` beside the same step without, batch 128, one thread; 1 is free.',
            portables(rows),
        ),
    ]
    return [section for section in found if len(section[2]) > 1]


def write(rows: list[Row], how: str, failed: list[str], folder: Path = DOCS) -> None:
    """docs/benchmarks.md and .json."""
    about = machine()
    lines = [HEAD, *(f"- {key}: {value}" for key, value in about.items()), f"- how: {how}", ""]
    for heading, words, table in sections(rows):
        lines += [f"## {heading}", ""] + ([words, ""] if words else [])
        head, *body = table
        lines += [
            f"| {' | '.join(head)} |",
            "|---" * len(head) + "|",
            *(f"| {' | '.join(line)} |" for line in body),
            "",
        ]
    if failed:
        lines += ["## Not measured", "", *(f"- `{line}`" for line in failed), ""]
    (folder / "benchmarks.md").write_text("\n".join(lines))
    (folder / "benchmarks.json").write_text(
        json.dumps({"about": about, "how": how, "failed": failed, "rows": rows}, indent=1) + "\n"
    )


def show(rows: list[Row]) -> None:
    """On the screen."""
    console = Console(width=140)
    for heading, _, (head, *body) in sections(rows):
        table = Table(*head, title=heading)
        for line in body:
            table.add_row(*(cell.replace("**", "") for cell in line))
        console.print(table)

"""Measure unidl beside hand-written loops, print the table, and with --write keep it in docs/.

python tests/benchmarks/run.py --backend torch --workload mlp --rounds 20
python tests/benchmarks/run.py --quick
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.benchmarks import report  # noqa: E402 - run as a script, the checkout is not on the path yet
from tests.benchmarks.sides import BY_HAND, COMPILED, ON_SMALL, OWN_KERNELS, Pair  # noqa: E402
from tests.benchmarks.workload import NAMES  # noqa: E402

ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)
KINDS = ("train", "predict-1", "predict-large", "memory", "first", "long", "control", "portable")


FAILED: list[str] = []


def child(module: str, *arguments: str, threads: str, engine: str, **extra: str) -> dict[str, Any] | None:
    """What a fresh process prints; None, with its last words on the screen, where it fails."""
    env = {name: value for name, value in os.environ.items() if name not in ONE_THREAD}
    env |= {
        "PYTHONPATH": os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH")))),
        "KERAS_BACKEND": engine,
    }
    env.pop("TF_ENABLE_ONEDNN_OPTS", None)  # as TensorFlow's users have it
    env |= {"TF_CPP_MIN_LOG_LEVEL": "3", **(ONE_THREAD if threads == "1" else {}), **extra}
    command = [sys.executable, "-m", f"tests.benchmarks.{module}", *arguments]
    done = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    if done.returncode:
        FAILED.append(f"{' '.join(arguments)}: {(done.stderr.strip().splitlines() or ['killed'])[-1]}")
        print(f"{' '.join(command[2:])} failed:\n{done.stderr[-1500:]}", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def timed(chosen: argparse.Namespace, pairs: list[Pair], kinds: list[str]) -> Iterator[dict[str, Any]]:
    """The rounds in turn."""
    seen = set()
    for kind in kinds:
        for pair in pairs:
            if pair not in BY_HAND and kind != "train":
                continue
            for name in pair.workloads:
                key = (pair.name, kind, name)
                if name not in chosen.workload or key in seen:
                    continue
                seen.add(key)
                for threads in chosen.threads if kind == "train" else chosen.threads[:1]:
                    known = report.of(chosen.known, pair, kind, name, threads)
                    if known is not None:
                        yield known
                        continue
                    found = [
                        child(
                            "pair", kind, name, pair.backend, pair.native, str(chosen.rounds), pair.jit,
                            threads=threads, engine=pair.engine, UNIDL_BENCH_ROUND=str(chosen.seconds),
                            **({} if pair.onednn else {"TF_ENABLE_ONEDNN_OPTS": "0"}),
                        )
                        for _ in range(chosen.fresh)
                    ]  # fmt: skip
                    rows = [row for row in found if row is not None]
                    if rows:
                        yield {**pooled(rows), "pair": pair.name, "engine": pair.engine, "threads": threads}


def pooled(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """The rounds of several processes as one row: where tensors lie in memory stays as it is in one process, and costs a few percent."""
    ratios = [ratio for row in rows for ratio in row["ratios"]]
    low, middle, high = map(float, np.quantile(ratios, (0.25, 0.5, 0.75)))
    medians = {
        name: statistics.median(row[name] for row in rows) for name in ("cpu_ratio", "unidl_ms", "native_ms", "load")
    }
    whole = {"rounds": len(ratios), "processes": len(rows), "ratio": middle, "low": low, "high": high}
    return {name: value for name, value in rows[0].items() if name != "ratios"} | medians | whole


def apart(chosen: argparse.Namespace, pairs: list[Pair], kind: str) -> Iterator[dict[str, Any]]:
    """Each side in processes of its own, in turn."""
    names = [name for name in NAMES if name in chosen.workload]
    for pair in pairs:
        if pair not in BY_HAND:
            continue
        for name in names if kind == "memory" else names[:1]:
            keys = {"kind": kind, "pair": pair.name, "workload": name}
            known = next((row for row in chosen.known if keys.items() <= row.items()), None)
            if known is not None:
                yield known
                continue
            values: dict[str, list[float]] = {"unidl": [], pair.native: []}
            for _ in range(chosen.processes):
                for side, found in values.items():
                    row = child("process", kind, name, side, pair.backend, threads="1", engine=pair.engine)
                    if row is not None:
                        found.append(row["mb" if kind == "memory" else "seconds"])
            if all(values.values()):
                mine, other = (statistics.median(found) for found in values.values())
                yield {
                    "kind": kind, "pair": pair.name, "workload": name, "unidl": mine, "native": other, "ratio": mine / other,
                    "all": values,
                }  # fmt: skip


def alone(chosen: argparse.Namespace, pairs: list[Pair], kind: str) -> Iterator[dict[str, Any]]:
    """unidl by itself: 10,000 steps; how soon a fit can be stopped; what portable random numbers cost."""
    jobs = {
        "long": ("long_run", chosen.steps),
        "control": ("control", 10),
        "portable": ("portable_random", 5 if chosen.quick else 30),
    }
    module, number = jobs[kind]
    for pair in pairs:
        if pair not in BY_HAND:
            continue
        keys = {"kind": kind, "backend": pair.name.partition(" / ")[0]}
        known = next((row for row in chosen.known if keys.items() <= row.items()), None)
        row = known or child(module, pair.backend, str(number), threads="1", engine=pair.engine)
        if row is not None:
            yield {**row, **keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--backend", nargs="+", choices=("torch", "tensorflow", "keras"), help="unidl's; all by default"
    )
    parser.add_argument("--native", nargs="+", help="only beside these loops")
    parser.add_argument("--jit", nargs="+", choices=("False", "True"), default=["False", "True"], help="of the Trainer")
    parser.add_argument("--workload", nargs="+", default=[*NAMES, "tabular"])
    parser.add_argument("--kind", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--rounds", type=int, default=7, help="in each process")
    parser.add_argument("--fresh", type=int, default=3, help="processes whose rounds make a row")
    parser.add_argument("--seconds", type=float, default=0.7, help="in a round, about")
    parser.add_argument("--threads", nargs="+", choices=("1", "default"), default=["1", "default"])
    parser.add_argument("--processes", type=int, default=3, help="of each side, for memory and the first step")
    parser.add_argument("--steps", type=int, default=10_000, help="of the long run")
    parser.add_argument("--quick", action="store_true", help="few rounds, one thread, for development")
    parser.add_argument(
        "--keep", type=Path, help="a file of rows: those in it are not measured again, new ones are added"
    )
    parser.add_argument("--write", action="store_true", help="keep the table in docs/")
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds, chosen.seconds, chosen.threads, chosen.processes, chosen.steps = 5, 0.2, ["1"], 1, 1000
        chosen.fresh = 1
    pairs = [
        pair
        for pair in BY_HAND + COMPILED + OWN_KERNELS + ON_SMALL
        if (not chosen.backend or pair.backend in chosen.backend)
        and (not chosen.native or pair.native in chosen.native)
        and pair.jit in chosen.jit
    ]
    chosen.known = []
    if chosen.keep is not None and chosen.keep.exists():
        chosen.known = [json.loads(line) for line in chosen.keep.read_text().splitlines()]
    rows: list[dict[str, Any]] = []
    sources = [timed(chosen, pairs, [kind for kind in KINDS[:3] if kind in chosen.kind])]
    sources += [apart(chosen, pairs, kind) for kind in ("memory", "first") if kind in chosen.kind]
    sources += [alone(chosen, pairs, kind) for kind in ("long", "control", "portable") if kind in chosen.kind]
    for source in sources:
        for row in source:
            rows.append(row)
            print(json.dumps(row), flush=True)
            if chosen.keep is not None and row not in chosen.known:
                with chosen.keep.open("a") as file:
                    file.write(json.dumps(row) + "\n")
    report.show(rows)
    if chosen.write:
        options = f"{chosen.rounds} rounds of about {chosen.seconds} s in each of {chosen.fresh} processes"
        report.write(rows, options, FAILED)


if __name__ == "__main__":
    main()

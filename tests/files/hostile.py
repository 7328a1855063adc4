"""Files whose numbers are far too large: of every op each integer of its arguments and each axis of its inputs, and of every layer.

`python -m tests.files.hostile BACKEND [EVERY]` loads them under a limit of 1 GB above what the process has by then, every EVERYth
of them, and prints what was neither a typed error nor a good load in a few seconds.
"""

from __future__ import annotations

import copy
import faulthandler
import json
import resource
import signal
import sys
import tempfile
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import unidl
from tests.ops.test_values import CASES as OP_CASES
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import placeholder
from unidl.models import saving
from unidl.ops.op import OPS

HUGE = (10**9, 2**31, 10**12, 10**30, -(10**9))
ALLOWANCE = 2**30  # bytes of address space above the baseline
SECONDS = 10

# Ops that no case of the list shows with plain arguments: a call of each
MORE = {
    "zeros": lambda x: unidl.ops.zeros((2, 3), like=x),
    "ones": lambda x: unidl.ops.ones((2, 3), like=x),
    "full": lambda x: unidl.ops.full((2, 3), 0.5, like=x),
    "arange": lambda x: unidl.ops.arange(2, 9, 3, like=x),
    "linspace": lambda x: unidl.ops.linspace(0.0, 1.0, 5, like=x),
    "eye": lambda x: unidl.ops.eye(3, 4, like=x),
    "zeros_like": unidl.ops.zeros_like,
    "ones_like": unidl.ops.ones_like,
    "full_like": lambda x: unidl.ops.full_like(x, 7),
    "tensor": lambda x: unidl.ops.tensor([1, 2, 3], like=x),
    "shape": lambda x: unidl.ops.reshape(x, unidl.ops.shape(x)),
    "random_uniform": lambda x: unidl.ops.random.uniform((2, 3), like=x),
    "random_normal": lambda x: unidl.ops.random.normal((2, 3), like=x),
    "random_randint": lambda x: unidl.ops.random.randint((2, 3), 0, 5, like=x),
    "random_bernoulli": lambda x: unidl.ops.random.bernoulli(0.5, (2, 3), like=x),
    "random_dropout": lambda x: unidl.ops.random.dropout(x, 0.5),
    "random_categorical": lambda x: unidl.ops.random.categorical(x),
    "random_permutation": lambda x: unidl.ops.random.permutation(5, like=x),
    "philox": lambda x: OPS["philox"](5, unidl.ops.tensor([1, 2], dtype="int64", like=x), 3),
}
# What no file can hold, or what returns no tensor
NOT_IN_A_FILE = dict.fromkeys(
    ("cond", "while_loop", "scan", "apply_custom_gradient"), "it takes functions, which no file holds"
) | {"dtype": "it returns a name", "size": "it returns a number where every axis is known"}


def graphs() -> Iterator[tuple[str, Any, Any]]:
    """(name, inputs, outputs) of a graph of one op."""
    for case in OP_CASES:
        inputs: list[Any] = []

        def turn(value: Any, inputs: list[Any] = inputs) -> Any:
            if not isinstance(value, np.ndarray):
                return value
            dtype = "float32" if value.dtype.kind == "f" else value.dtype.name
            inputs.append(placeholder(TensorSpec(value.shape, dtype)))
            return inputs[-1]

        args = map_nest(turn, list(case.args))
        if inputs and case.op not in NOT_IN_A_FILE:
            yield str(case), inputs, OPS[case.op](*args, **case.kwargs)
    for name, call in MORE.items():
        x = placeholder(TensorSpec((2, 3), "float32"))
        yield name, [x], call(x)


def written(model: unidl.Model, inputs: Any) -> dict[str, Any]:
    """The document of a model that was built for inputs."""
    document = saving.packed(model).document
    specs = [{"$": "spec", "shape": list(i.shape), "dtype": i.dtype} for i in inputs]
    one = {"$": "tuple", "items": [specs] if isinstance(model, saving.Functional) else specs}
    named = {"$": "dict", "items": []}
    return document | {
        "built": {"precision": "float32", "seed": 0, "random": "native", "inputs": one, "named_inputs": named}
    }


def originals() -> Iterator[tuple[str, dict[str, Any]]]:
    """Documents of graphs of one op, and of models of one layer, as they should be."""
    seen = set()
    for name, inputs, outputs in graphs():
        document = written(unidl.Model(inputs, outputs), inputs)
        text = json.dumps(document)
        if text not in seen:
            seen.add(text)
            yield name, document


def integers(node: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], int]]:
    """The places of integers that are sizes, axes or counts, and what stands there."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key not in ("number", "index", "version", "seed", "root"):
                yield from integers(value, (*at, key))
    elif isinstance(node, list):
        for i, value in enumerate(node):
            yield from integers(value, (*at, i))
    elif isinstance(node, int) and not isinstance(node, bool):
        yield at, node


def put(document: Any, at: tuple[Any, ...], value: Any) -> Any:
    changed = copy.deepcopy(document)
    node = changed
    for key in at[:-1]:
        node = node[key]
    node[at[-1]] = value
    return changed


def replaced(node: Any, old: int, new: int) -> Any:
    """The document with every integer `old` but those that are references changed."""
    if isinstance(node, dict):
        return {
            k: v if k in ("number", "index", "version", "seed", "root") else replaced(v, old, new)
            for k, v in node.items()
        }
    if isinstance(node, list):
        return [replaced(v, old, new) for v in node]
    return new if node == old and isinstance(node, int) and not isinstance(node, bool) else node


def hostile(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The document with one integer, or all that are equal, far too large."""
    places = list(integers(document))
    for value in HUGE:
        for at, _ in places:
            yield f"{value} at {'/'.join(map(str, at))}", put(document, at, value)
        for old in sorted({number for _, number in places}):
            yield f"{value} for {old}", replaced(document, old, value)


def main(backend: str, every: int = 1) -> int:
    faulthandler.enable()
    folder = Path(tempfile.mkdtemp())
    good = folder / "good.unidl"
    x = unidl.Input((3,))
    unidl.Model(x, unidl.layers.Dense(2)(unidl.ops.tanh(x))).build(backend=backend).save(good)
    unidl.load(good, backend=backend)
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (space + ALLOWANCE, resource.RLIM_INFINITY))

    def late(*_: Any) -> None:
        raise TimeoutError(f"after {SECONDS} s")

    signal.signal(signal.SIGALRM, late)
    path, bad, count, slowest = folder / "bad.unidl", [], 0, (0.0, "")
    number = 0
    for name, document in originals():
        for what, changed in hostile(document):
            number += 1
            if number % every:
                continue
            with zipfile.ZipFile(path, "w") as zipped:
                zipped.writestr("unidl.json", json.dumps(changed))
            count += 1
            started = time.perf_counter()
            signal.alarm(SECONDS)
            try:
                unidl.load(path, backend=backend)
            except unidl.UnidlError:
                pass
            except Exception as error:  # noqa: BLE001  # whatever it is, it is told
                bad.append(f"{name}: {what}: {type(error).__name__}: {str(error)[:150]}")
                print(bad[-1], flush=True)
            finally:
                signal.alarm(0)
            slowest = max(slowest, (time.perf_counter() - started, f"{name}: {what}"))
    print(
        f"{count} files, {len(bad)} bad, slowest {slowest}, peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MB"
    )
    return bool(bad)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))

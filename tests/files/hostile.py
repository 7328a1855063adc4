"""Files whose numbers are far too large: of every op each integer of its arguments and each axis of its inputs, and of every layer.

`python -m tests.files.hostile BACKEND [EVERY]` loads them under a limit of 1 GB above what the process has by then, every EVERYth
of them, and prints what was neither a typed error nor a good load in a few seconds.
"""

from __future__ import annotations

import contextlib
import copy
import faulthandler
import io
import json
import math
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
from tests.conformance.layer_cases import CASES as LAYER_CASES
from tests.ops.test_values import CASES as OP_CASES
from unidl.description.encoding import Decoder
from unidl.description.trace import Tracer
from unidl.errors import NotSerializableError
from unidl.files.tensors import header_of, write_arrays
from unidl.graph.limit import limited
from unidl.graph.node import map_nest
from unidl.graph.spec import TensorSpec
from unidl.graph.tensor import placeholder
from unidl.lazy_array import LazyArray, lazy
from unidl.models import saving
from unidl.models.specs import weight_specs
from unidl.ops.op import OPS

HUGE = (10**9, 2**31, 10**12, 10**30, -(10**9), 0)
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
    "stop_gradient": unidl.ops.stop_gradient,
    "random_uniform": lambda x: unidl.ops.random.uniform((2, 3), like=x),
    "random_normal": lambda x: unidl.ops.random.normal((2, 3), like=x),
    "random_randint": lambda x: unidl.ops.random.randint((2, 3), 0, 5, like=x),
    "random_bernoulli": lambda x: unidl.ops.random.bernoulli(0.5, (2, 3), like=x),
    "random_dropout": lambda x: unidl.ops.random.dropout(x, 0.5),
    "random_categorical": lambda x: unidl.ops.random.categorical(x),
    "random_permutation": lambda x: unidl.ops.random.permutation(5, like=x),
    "philox": lambda x: OPS["philox"](5, unidl.ops.tensor([1, 2], dtype="int64", like=x), 3),
}
# Likewise, where an axis is free: else they return Python's integers
FREE = {
    "shape": lambda x: unidl.ops.reshape(x, (unidl.ops.shape(x)[0], 3)),
    "size": lambda x: unidl.ops.reshape(x, (unidl.ops.size(x),)),
}
# What no file can hold, or what returns no tensor
FUNCTIONS = "it takes functions, which no file holds"
NOT_IN_A_FILE = {
    "cond": FUNCTIONS,
    "while_loop": FUNCTIONS,
    "scan": FUNCTIONS,
    "apply_custom_gradient": FUNCTIONS,
    "dtype": "it returns a name",
}


class TooLateError(BaseException):
    """It took too long; nothing may catch this."""


def inputs_of(nest: Any, inputs: list[Any]) -> Any:
    """The nest with an input of the graph in the place of each array."""

    def turn(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        dtype = "float32" if value.dtype.kind == "f" else value.dtype.name
        inputs.append(placeholder(TensorSpec(value.shape, dtype)))
        return inputs[-1]

    return map_nest(turn, nest)


def constants_of(nest: Any, like: Any) -> Any:
    """The nest with a constant in the place of each array."""

    def turn(value: Any) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        return unidl.ops.tensor(
            value.tolist(), dtype="float32" if value.dtype.kind == "f" else value.dtype.name, like=like
        )

    return map_nest(turn, nest)


def graphs() -> Iterator[tuple[str, Any, Any]]:
    """(name, inputs, outputs) of graphs of one op, of one op on constants, and of one layer."""
    for case in OP_CASES:
        inputs: list[Any] = []
        args = inputs_of(list(case.args), inputs)
        if inputs and case.op not in NOT_IN_A_FILE:
            yield str(case), inputs, OPS[case.op](*args, **case.kwargs)
            x = placeholder(TensorSpec((2, 3), "float32"))
            outputs = OPS[case.op](*constants_of(list(case.args), x), **case.kwargs)
            yield f"{case} of constants", [x], [unidl.ops.tanh(x), outputs]
    for shape, calls in (((2, 3), MORE), ((None, 3), FREE)):
        for name, call in calls.items():
            x = placeholder(TensorSpec(shape, "float32"))
            yield name, [x], call(x)
    for layer_case in LAYER_CASES:
        inputs = []
        args, named = inputs_of((layer_case.inputs, dict(layer_case.named)), inputs)
        with contextlib.suppress(unidl.UnidlError):  # a layer that only some way of calling it takes
            yield layer_case.id, inputs, layer_case.layer(*args, **named, **layer_case.options)


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
    """Documents of these graphs as they should be, each once."""
    seen = set()
    for name, inputs, outputs in graphs():
        try:
            document = written(unidl.Model(inputs, outputs), inputs)
        except NotSerializableError:  # a class that is not registered, a function
            continue
        text = json.dumps(document)
        if text not in seen:
            seen.add(text)
            yield name, document


def weights_for(document: dict[str, Any]) -> dict[str, LazyArray]:
    """Zeros of the shapes that the description has by now, where they are small enough for a file."""
    try:
        with limited(10_000):
            decoder = Decoder(document["objects"], {}, saving.OWN)
            built = document["built"]
            args = (decoder.made[document["root"]], decoder.decode(built["inputs"]), {})
            specs = weight_specs(Tracer(built["precision"]).trace(*args))
    except (*saving.AT_FAULT, unidl.UnidlError):
        return {}
    if sum(math.prod(spec.shape) for spec in specs.values()) > 10**5:
        return {}
    try:
        return {path: lazy(np.zeros(spec.shape, spec.dtype)) for path, spec in specs.items()}
    except ValueError:  # NumPy has no such shape
        return {}


def ops_of(node: Any) -> Iterator[str]:
    """The names of the ops in a document."""
    if isinstance(node, dict):
        if node.get("$") == "op":
            yield node["name"]
        node = list(node.values())
    if isinstance(node, list):
        for item in node:
            yield from ops_of(item)


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


def bombs() -> Iterator[tuple[str, bytes]]:
    """Files that are no document of too large numbers: zips and JSON whose reading takes memory or depth."""

    def zipped(document: bytes, **entries: bytes) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as file:
            file.writestr("unidl.json", document)
            for name, entry in entries.items():
                file.writestr(f"{name}.safetensors", entry)
        return content.getvalue()

    def nested(value: Any, depth: int) -> bytes:
        model = {"class": "unidl.Activation", "arguments": {"function": value}}
        text = json.dumps({"format": "unidl model", "version": 1, "objects": [model], "root": 0, "built": None})
        return text.replace('"HERE"', "[" * depth + "1" + "]" * depth).encode()

    good = {"format": "unidl model", "version": 1, "objects": [], "root": 0}
    yield "lists in lists", zipped(b"[" * 900 + b"]" * 900)
    for depth in (99, 300, 900, 10**6):
        yield f"an argument {depth} deep", zipped(nested("HERE", depth))
    yield "many empty lists", zipped(b'{"objects": [' + b"[]," * 8_000_000 + b"[]]}")
    yield "many numbers", zipped(b'{"objects": [' + b"1e9," * 7_000_000 + b"1]}")
    yield "many keys", zipped(b"{" + b'"a":{},' * 3_000_000 + b'"b":{}}')
    yield (
        "a long text",
        zipped(json.dumps(good | {"root": "\U0001f600" + "x" * 30_000_000}, ensure_ascii=False).encode()),
    )
    yield "a long number", zipped(b'{"format": ' + b"9" * 10_000_000 + b"}")
    keys = [[n * (2**61 - 1), 0] for n in range(200_000)]
    collide = {"class": "unidl.Activation", "arguments": {"function": {"$": "dict", "items": keys}}}
    yield "numbers that collide", zipped(json.dumps(good | {"objects": [collide]}).encode())
    many = io.BytesIO()
    with zipfile.ZipFile(many, "w") as file:
        for number in range(60_000):
            file.writestr(str(number), b"")
    yield "a zip of many entries", many.getvalue()
    deflated = io.BytesIO()
    with zipfile.ZipFile(deflated, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("unidl.json", b"[" * (2 * 10**8))
    yield "a zip that unpacks to 200 MB", deflated.getvalue()
    text = json.dumps(good).encode()
    for size in (2**63, 2**40, 10**8):
        yield f"a header of {size} bytes", zipped(text, weights=size.to_bytes(8, "little") + b"{}")
    wide = b"{" + b",".join(b'"%d":{}' % n for n in range(3_000_000)) + b"}"
    yield "a header of many arrays", zipped(text, weights=len(wide).to_bytes(8, "little") + wide)
    claim = json.dumps({"a": {"dtype": "F32", "shape": [10**9], "data_offsets": [0, 4 * 10**9]}}).encode()
    yield "an array that is not there", zipped(text, constants=len(claim).to_bytes(8, "little") + claim)
    layer = {"class": "unidl.Activation", "arguments": {"function": "relu"}}
    layers = [layer, {"class": "unidl.Sequential", "arguments": {"layers": [{"$": "object", "index": 0}] * 300_000}}]
    yield "a layer 300,000 times", zipped(json.dumps(good | {"objects": layers, "root": 1}).encode())
    yield "300,000 layers", zipped(json.dumps(good | {"objects": [layer] * 300_000}).encode())
    chain = [layer]
    for number in range(900):
        inner = {"layers": [{"$": "object", "index": number}]}
        chain.append({"class": "unidl.Sequential", "arguments": inner, "name": "n" * 30_000})
    spec = {"$": "tuple", "items": [{"$": "spec", "shape": [None, 3], "dtype": "float32"}]}
    built = {
        "precision": "float32",
        "seed": 0,
        "random": "native",
        "inputs": spec,
        "named_inputs": {"$": "dict", "items": []},
    }
    yield (
        "900 models in one another",
        zipped(json.dumps(good | {"objects": chain, "root": 900, "built": built}).encode()),
    )


def main(backend: str, every: int = 1) -> int:
    faulthandler.enable()
    folder = Path(tempfile.mkdtemp())
    good, path = folder / "good.unidl", folder / "bad.unidl"
    x = unidl.Input((3,))
    unidl.Model(x, unidl.layers.Dense(2)(unidl.ops.tanh(x))).build(backend=backend).save(good)
    unidl.load(good, backend=backend)
    everything = list(originals())
    space = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    before = resource.getrlimit(resource.RLIMIT_AS)
    outcomes: dict[str, int] = {}
    slowest = (0.0, "")

    def late(*_: Any) -> None:
        raise TooLateError(f"after {SECONDS} s of the processor")

    def read(name: str) -> None:
        nonlocal slowest
        resource.setrlimit(resource.RLIMIT_AS, (space + ALLOWANCE, before[1]))
        started = time.process_time()
        signal.setitimer(signal.ITIMER_PROF, SECONDS)
        try:
            unidl.load(path, backend=backend)
            outcome = "good load"
        except unidl.UnidlError as error:
            outcome = type(error).__name__
            str(error)
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is reported
            outcome = "bad"
            print(f"BAD {name}: {type(error).__name__}: {error!s:.150}", flush=True)
        finally:
            signal.setitimer(signal.ITIMER_PROF, 0)
            resource.setrlimit(resource.RLIMIT_AS, before)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        slowest = max(slowest, (time.process_time() - started, name))

    signal.signal(signal.SIGPROF, late)
    for name, content in bombs():
        path.write_bytes(content)
        del content
        read(name)
    number = 0
    for name, document in everything:
        for what, changed in hostile(document):
            number += 1
            if number % every == 0:
                with zipfile.ZipFile(path, "w") as zipped:
                    zipped.writestr("unidl.json", json.dumps(changed))
                    with zipped.open("weights.safetensors", "w") as entry:
                        write_arrays(entry, *header_of(weights_for(changed)))
                read(f"{name}: {what}")
    print(f"{outcomes}; the slowest took {slowest[0]:.1f} s: {slowest[1]}")
    return outcomes.get("bad", 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], *map(int, sys.argv[2:])))

"""Each format's own runtime, in a process that cannot import unidl."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from unidl.graph.node import leaves

# format -> how a file answers there: `run(load(path), inputs)` gives a tensor, or a list or dict of them
RUNTIMES = {
    "pt2": """
        import torch
        def load(path):
            return torch.export.load(path).module()
        def run(program, inputs):
            tensors = [torch.from_numpy(x) for x in inputs.values()]
            return program(tensors if len(tensors) > 1 else tensors[0])
    """,
    "onnx": """
        import onnxruntime
        def load(path):
            return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
        def run(session, inputs):
            return dict(zip([output.name for output in session.get_outputs()], session.run(None, inputs)))
    """,
    "savedmodel": """
        import tensorflow as tf
        load = tf.saved_model.load
        def run(served, inputs):
            return served.signatures["serving_default"](**{name: tf.constant(x) for name, x in inputs.items()})
    """,
    "litert": """
        from ai_edge_litert.interpreter import Interpreter
        def load(path):
            return Interpreter(model_path=path)
        def run(interpreter, inputs):
            return interpreter.get_signature_runner("serving_default")(**inputs)
    """,
    "keras": """
        import pathlib, keras
        def load(path):
            layers = pathlib.Path(path).with_name("layers.py")
            if layers.exists():
                exec(compile(layers.read_text(), layers, "exec"), dict(__name__="layers"))  # it registers them
            return keras.saving.load_model(path)
        def run(model, inputs):
            return model(list(inputs.values()) if len(inputs) > 1 else next(iter(inputs.values())))
    """,
}

SERVER = """
import json, sys
sys.modules["unidl"] = None  # importing it fails
import numpy
{runtime}

def leaves(nest):
    if isinstance(nest, (list, tuple)):
        return [leaf for item in nest for leaf in leaves(item)]
    if isinstance(nest, dict):
        return [leaf for item in nest.values() for leaf in leaves(item)]
    return [nest]

def array(value):
    return numpy.asarray(value.detach() if hasattr(value, "detach") else value)

def run_jobs(jobs, results):
    found = {{}}
    for job in jobs:
        given, loaded = numpy.load(job["given"]), load(job["path"])
        for n in job["sizes"]:
            inputs = {{key.split(":", 1)[1]: given[key] for key in given if key.startswith(f"{{n}}:")}}
            result = run(loaded, inputs)
            flat = isinstance(result, dict) and not any(isinstance(v, (list, tuple, dict)) for v in result.values())
            if not flat:
                result = {{"output" if i == 0 else f"output_{{i + 1}}": v for i, v in enumerate(leaves(result))}}
            for key, value in result.items():
                found[f"{{job['name']}}/{{n}}/{{key}}"] = array(value)
    numpy.savez(results, **found)

for line in sys.stdin:
    run_jobs(**json.loads(line))
    print("done", flush=True)
"""


class Runtime:
    """A process that runs files of one format and cannot import unidl; it starts with the first file and stays.

    Args:
        format: The format.
        folder: Where its output goes.
    """

    def __init__(self, format_: str, folder: Path) -> None:
        self.log = (folder / f"{format_}.log").open("w+")
        code = SERVER.format(runtime=textwrap.dedent(RUNTIMES[format_]))
        self.process = subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONPATH": ""},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
        )

    def run(self, jobs: list[dict[str, Any]], results: str) -> None:
        """Run the files and keep what they give."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(json.dumps({"jobs": jobs, "results": results}) + "\n")
        self.process.stdin.flush()
        while (line := self.process.stdout.readline()) != "done\n":
            if not line:
                self.log.seek(0)
                pytest.fail(f"the runtime stopped:\n{self.log.read()[-3000:]}")

    def stop(self) -> None:
        """End the process."""
        self.process.communicate(timeout=60)
        self.log.close()


@dataclass
class Job:
    """One file that is to be run.

    Args:
        name: What it is called in messages.
        path: The file.
        inputs: Batch size -> array by input name.
        expected: Batch size -> what the model itself gives.
    """

    name: str
    path: Path
    inputs: Mapping[int, Mapping[str, np.ndarray]]
    expected: Mapping[int, Any]


def compare(runtime: Runtime, jobs: list[Job], folder: Path) -> None:
    """Run the files without unidl and compare with what the models gave."""
    told, expected = [], {}
    for number, job in enumerate(jobs):
        given = folder / f"given{number}.npz"
        np.savez(given, **{f"{n}:{name}": x for n, inputs in job.inputs.items() for name, x in inputs.items()})
        told.append({"name": job.name, "path": str(job.path), "given": str(given), "sizes": list(job.inputs)})
        for n, result in job.expected.items():
            expected |= {f"{job.name}/{n}/{key}": value for key, value in named(result).items()}
    results = folder / "results.npz"
    runtime.run(told, str(results))
    found = np.load(results)
    assert set(found) == set(expected)
    for key, value in expected.items():
        np.testing.assert_allclose(found[key], value, atol=1e-5, rtol=1e-5, err_msg=key)


def named(result: Any) -> dict[str, np.ndarray]:
    """Outputs under the names that a file gives them."""
    if isinstance(result, dict) and not any(isinstance(v, (list, tuple, dict)) for v in result.values()):
        return result
    return {"output" if i == 0 else f"output_{i + 1}": value for i, value in enumerate(leaves(result))}

"""A comparison written by hand: three runs and one that failed, with pictures, lanes, costs and everything that a page shows."""

from itertools import pairwise

from unidl.graph.spec import TensorSpec
from unidl.insight.comparison import Advice, Comparison, Failure, NativeSource, Run
from unidl.inspection.cost import LayerCost
from unidl.inspection.graph import Edge, Graph, Node
from unidl.inspection.inspection import Change, Event, Inspection
from unidl.inspection.timing import Timing

CODE = '''\
"""Digits with a small network."""

import unidl
from unidl import layers


class Net(unidl.Model):
    """A convolution, a block, a head."""

    def __init__(self):
        self.conv2d = layers.Conv2D(8, 3, strides=2, activation="relu")
        self.block = Block(16)
        self.head = layers.Dense(10)

    def forward(self, x):
        x = self.conv2d(x)  # (batch, 13, 13, 8)
        return self.head(self.block(x))


class Block(unidl.Model):
    def __init__(self, units):
        self.hidden = layers.Dense(units, activation="relu")
        self.scale = Scale()

    def forward(self, x):
        return self.scale(self.hidden(x))
'''

TORCH = '''\
"""Net in PyTorch."""

import torch
import torch.nn.functional as F
from torch import nn


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(1352, 16)
        self.scale = Scale()

    def forward(self, x):
        return self.scale(F.relu(self.hidden(x)))


class Net(nn.Module):
    """(batch, 28, 28, 1) -> (batch, 10)"""

    def __init__(self):
        super().__init__()
        self.conv2d = nn.Conv2d(1, 8, 3, stride=2)
        self.block = Block()
        self.head = nn.Linear(16, 10)

    def forward(self, x):
        x = F.relu(self.conv2d(x.permute(0, 3, 1, 2)))  # (batch, 8, 13, 13)
        return self.head(self.block(torch.flatten(x, 1)))
'''

KERAS = '''\
"""Net in Keras."""

import keras
from keras import layers


def make_model():
    inputs = keras.Input((28, 28, 1))
    x = layers.Conv2D(8, 3, strides=2, activation="relu", name="conv2d")(inputs)
    x = layers.Dense(16, activation="relu", name="block_hidden")(layers.Flatten()(x))
    outputs = layers.Dense(10, name="head")(x)
    return keras.Model(inputs, outputs)
'''

LAYERS = ("conv2d", "block", "block/hidden", "block/scale", "head")
WORDS = {
    "torch": {"conv2d": "torch.nn.Conv2d", "block/hidden": "torch.nn.Linear", "head": "torch.nn.Linear"},
    "keras on tensorflow": {
        "conv2d": "keras.layers.Conv2D",
        "block/hidden": "keras.layers.Dense",
        "head": "keras.layers.Dense",
    },
    "tensorflow": {"conv2d": "Conv2D", "block/hidden": "MatMul", "head": "MatMul"},
}
SHAPES = {
    "conv2d": (32, 13, 13, 8),
    "block": (32, 16),
    "block/hidden": (32, 16),
    "block/scale": (32, 16),
    "head": (32, 10),
}


def _nodes(words, lane="", prefix="", extra=3):
    """A chain of nodes for each layer."""
    for layer in LAYERS:
        if layer == "block":
            continue
        spec = (TensorSpec(SHAPES[layer]),)
        yield Node(
            f"{prefix}{layer}/main",
            words.get(layer, "Mul"),
            layer=layer,
            lane=lane,
            outputs=spec,
            details={"line": "net.py:12", "trainable": True},
        )
        for i in range(extra):
            yield Node(
                f"{prefix}{layer}/op{i}", ("BiasAdd", "Relu", "Identity")[i % 3], layer=layer, lane=lane, outputs=spec
            )


def _chained(nodes, kind="data"):
    return [Edge(a.id, b.id, b.outputs[0] if b.outputs else None, kind) for a, b in pairwise(nodes)]


def layers_graph(words):
    """Modules that hold modules, and no edge."""
    nodes = [Node("net", "Net", "Net")]
    for layer in LAYERS:
        parent = "net" if "/" not in layer else layer.partition("/")[0]
        nodes.append(
            Node(
                layer,
                words.get(layer, layer.title()),
                layer.rpartition("/")[2],
                layer=layer,
                parent=parent,
                outputs=(TensorSpec(SHAPES[layer]),),
            )
        )
    return Graph("layers", "The framework's own objects", tuple(nodes), ())


def data_graph(words, extra=3):
    """A graph of operations, by layer."""
    nodes = [Node("x", "Placeholder", "x", outputs=(TensorSpec((None, 28, 28, 1)),)), *_nodes(words, extra=extra)]
    skip = Edge("conv2d/main", "head/main", TensorSpec((32, 16)))
    return Graph(
        "graph", "Operations and the tensors between them", tuple(nodes), (*_chained(nodes), skip), "Traced once."
    )


def step_graph(words, extra=2):
    """A training step."""
    forward = list(_nodes(words, "forward", "f/", extra))
    loss = [
        Node("log_softmax", "LogSoftmax", lane="loss"),
        Node("mean", "Mean", lane="loss", outputs=(TensorSpec(()),)),
    ]
    backward = [
        Node(f"b/{node.id}", f"{node.op}Backward", layer=node.layer, lane="backward") for node in reversed(forward)
    ]
    update = [
        Node(f"u/{layer}/{part}", "AdamW", f"{layer} {part}", layer=layer, lane="update")
        for layer in ("conv2d", "block/hidden", "head")
        for part in ("kernel", "bias")
    ]
    edges = [*_chained(forward), *_chained(loss), *_chained(backward, "gradient")]
    edges += [Edge(forward[-1].id, "log_softmax"), Edge("mean", backward[0].id, kind="gradient")]
    edges += [Edge(f"b/f/{node.layer}/main", node.id, kind="gradient") for node in update]
    return Graph("step", "One training step", (*forward, *loss, *backward, *update), tuple(edges))


def costs(words, scale):
    """What each layer costs."""
    found = [
        LayerCost(
            "",
            "Net",
            "Net",
            "definition",
            ((32, 10),),
            0,
            0,
            7_654_321,
            (),
            173_056,
            timing(8e-4 * scale),
            timing(1.4e-3 * scale),
        )
    ]
    for i, layer in enumerate(LAYERS):
        own = "definition" if layer == "block/scale" else "native"
        found.append(
            LayerCost(
                layer,
                layer.rpartition("/")[2].title(),
                words.get(layer, "Block"),
                own,
                (SHAPES[layer],),
                80 * (i + 1),
                0,
                None if layer == "block/scale" else 97_344 * (i + 1),
                ("Erf",) if layer == "block/scale" else (),
                173_056,
                timing(1e-4 * scale * (i + 1)),
                timing(2e-4 * scale * (i + 1)) if i else None,
            )
        )
    return tuple(found)


def timing(value, unit="s", rounds=20):
    """A figure with some spread."""
    return Timing(value, value * 0.93, value * 1.12, rounds, unit)


def inspection(backend="torch", subject="model", extra=3):
    """What one framework made of it."""
    words = WORDS[backend]
    graphs = (
        {"layers": layers_graph(words), "graph": data_graph(words, extra)}
        if subject == "model"
        else {"step": step_graph(words, extra)}
    )
    scale = {"torch": 1.0, "keras on tensorflow": 1.9, "tensorflow": 1.4}[backend]
    building = "make modules" if backend == "torch" else "trace forward into a graph"
    return Inspection(
        subject,
        "Net",
        backend,
        {"torch": "2.13.0", "numpy": "2.4.6"},
        graphs,
        costs(words, scale),
        (Event("building", building, 1, timing(0.012 * scale)), Event("running", "call kernels one by one", 12, None)),
        (
            Change("another batch size", "nothing" if backend == "torch" else "retrace", "1 trace before, 2 after"),
            Change("a layer is replaced", "rebuild", "the program is built again"),
        ),
        {"parameters": 22_000, "traces": [{"signature": "(None, 28, 28, 1)", "seconds": 0.012}]},
        ("Seen on one batch of 32.",),
    )


def run(label, backend, scale, source, **more):
    """A run with every figure."""
    values = {
        "import": 1.9,
        "build": 0.02,
        "compile": 0.4,
        "first_step": 3.1,
        "step": 2.1e-3,
        "latency_one": 3.1e-4,
        "latency_batch": 5.2e-3,
        "edit": 3.4,
        "training": 2.5e-3,
        "run": 4.2,
    }
    figures = {name: timing(value * scale) for name, value in values.items()}
    figures["throughput"] = timing(15_000 / scale, "1/s")
    figures["memory"] = timing(210e6 * scale, "B", 3)
    figures["resident"] = timing(700e6 * scale, "B", 3)
    curve = tuple(2.3 * 0.975**i + 0.06 * ((i * 7919) % 13) / 13 + 0.004 * scale for i in range(160))
    return Run(
        label,
        backend,
        figures=figures,
        step_loss=curve,
        metrics={"loss": curve[-1], "accuracy": 0.957},
        exports={"onnx": "", "savedmodel": "" if backend != "torch" else "PyTorch has no SavedModel"},
        source=source,
        inspections={subject: inspection(label, subject) for subject in ("model", "step")},
        debugging={
            "stops": "at each line of forward" if backend == "torch" else "while tracing",
            "arises": "in the first step",
            "depth": round(7 * scale),
            "own": 1,
            "traceback": "Traceback (most recent call last):\n  ...",
        },
        **more,
    )


def comparison():
    """Three runs and a failed one."""
    return Comparison(
        "examples/digits.py",
        CODE,
        "2026-11-24T12:00:00+00:00",
        {
            "cpu": "a processor",
            "cores": 2,
            "memory": "24 GiB",
            "system": "Linux",
            "python": "3.11.7",
            "torch": "2.13.0",
            "tensorflow": "2.21.0",
            "keras": "3.15.1",
        },
        (
            run("torch", "torch", 1.0, NativeSource(TORCH, 25, 11)),
            run("keras on tensorflow", "keras", 1.9, NativeSource(KERAS, 10, 8)),
            run("tensorflow", "tensorflow", 1.4, NativeSource(refused="The layer Scale has no source in TensorFlow.")),
            Run(
                "keras on jax",
                "keras",
                "jax",
                failure=Failure(
                    "BackendUnavailableError",
                    "Engine 'jax' needs the package 'jax', which is not installed.\nInstall it.",
                    "  File net.py, line 3\nBackendUnavailableError: …",
                ),
            ),
        ),
        {"torch / keras on tensorflow": 3.1e-6, "torch / tensorflow": 2.2e-6},
        (
            Advice("fastest training", ("torch",), "2.10 ms a step; the next, tensorflow, takes 2.94 ms."),
            Advice("least memory", ("torch", "tensorflow"), "200 MiB and 280 MiB; the spreads overlap."),
            Advice("a debugger stops anywhere", ("torch",), "at each line of forward"),
        ),
    )


HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> ' \" & \u2028 \x00 \ud800 ]]> <!-- {{7*7}} javascript:alert(3)"


def hostile():
    """A comparison in which every text that a user, or an error, may bring tries to break the page."""
    nodes = (
        Node(HOSTILE, HOSTILE, HOSTILE, layer=HOSTILE, lane=HOSTILE, details={HOSTILE: HOSTILE, "nan": float("nan")}),
        Node("b", "__proto__", "constructor", layer="__proto__"),
        Node("__proto__", "toString"),
    )
    graph = Graph(HOSTILE, HOSTILE, nodes, (Edge(HOSTILE, "b", kind=HOSTILE), Edge("b", "__proto__")), HOSTILE)
    found = Inspection(
        "model",
        HOSTILE,
        HOSTILE,
        {HOSTILE: HOSTILE},
        {HOSTILE: graph},
        (LayerCost(HOSTILE, HOSTILE, HOSTILE, "native", ((1,),), 1, 0, None, (HOSTILE,), 0, timing(1.0)),),
        (Event("building", HOSTILE),),
        (Change(HOSTILE, HOSTILE, HOSTILE),),
        {HOSTILE: {HOSTILE: HOSTILE}},
        (HOSTILE,),
    )
    first = Run(
        HOSTILE,
        HOSTILE,
        figures={HOSTILE: timing(1.0, HOSTILE), "step": timing(1.0)},
        step_loss=(1.0, float("nan"), float("inf")),
        metrics={HOSTILE: float("nan")},
        exports={HOSTILE: HOSTILE},
        source=NativeSource(HOSTILE, 1, 1),
        inspections={"model": found},
        debugging={"stops": HOSTILE, "traceback": HOSTILE},
        notes=(HOSTILE,),
    )
    second = Run(f"2 {HOSTILE}", "torch", failure=Failure(HOSTILE, HOSTILE, HOSTILE))
    return Comparison(
        HOSTILE,
        HOSTILE,
        HOSTILE,
        {HOSTILE: HOSTILE},
        (first, second),
        {HOSTILE: 1.0},
        (Advice(HOSTILE, (HOSTILE,), HOSTILE),),
    )

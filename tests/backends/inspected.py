"""Small networks of which one knows by hand what a framework makes, and what every picture of one must keep."""

import json
from collections import Counter
from dataclasses import replace

import numpy as np

import unidl
from unidl import Input, Model, Sequential, layers, ops
from unidl.data import Arrays
from unidl.insight.inspections.programs import program_of_model, program_of_trainer
from unidl.inspection.graph import LANES
from unidl.training.engine import arguments_of

RNG = np.random.default_rng(3)


class Shared(Model):
    """One layer called twice, and a layer whose name TensorFlow gives to an addition too."""

    def __init__(self):
        self.hidden = layers.Dense(4)
        self.add = layers.Dense(2)

    def forward(self, x):
        return self.add(self.hidden(self.hidden(x)) + 1.0)


class Dynamic(Model):
    """Python's if and while on tensors; `again` is called in the loop."""

    def __init__(self):
        self.hidden = layers.Dense(4, activation="relu")
        self.again = layers.Dense(4)

    def forward(self, x):
        x = self.hidden(x)
        if ops.mean(x) > 0.5:
            x = x * 0.5
        rounds = ops.sum(x) * 0.0
        while rounds < 3.0:
            x = self.again(x)
            rounds = rounds + 1.0
        return x


def mlp():
    return Sequential([layers.Dense(8, activation="relu"), layers.Dense(3)])


def cnn():
    return Sequential(
        [layers.Conv2D(4, 3, activation="relu"), layers.BatchNormalization(), layers.Flatten(), layers.Dense(3)]
    )


def two_inputs():
    a, b = Input((4,), name="a"), Input((5,), name="b")
    return Model([a, b], layers.Add()([layers.Dense(3)(a), layers.Dense(3)(b)]))


def sequence():
    return Sequential(
        [layers.Embedding(11, 6), layers.LSTM(5, return_sequences=True), layers.Flatten(), layers.Dense(3)]
    )


def attention():
    x = Input((7, 8))
    return Model(x, layers.MultiHeadAttention(num_heads=2, key_dim=4, name="look")(x, x))


POINTS = RNG.normal(size=(6, 4)).astype("float32")
IMAGES = RNG.normal(size=(6, 8, 8, 1)).astype("float32")
WORDS = RNG.integers(0, 11, (6, 7))
CLASSES = RNG.integers(0, 3, 6)


def built(model, backend, x):
    """A model, built for an example."""
    return model.build(*arguments_of(x), backend=backend)


def look(subject, *given, changes=False, compiler=False):
    """What a backend sees, without what takes seconds; `check` holds for all of it.

    Args:
        subject: A built model, or a Trainer.
        *given: What it is called with, or batches.
        changes: Whether to try variations.
        compiler: Whether to ask the compiler.
    """
    if isinstance(subject, unidl.Trainer):
        subject._prepare(Arrays(*given[0], batch_size=2**31 - 1))
        program = program_of_trainer(subject, given, compiler)
        inspect = subject.engine.backend.inspect_step
    else:
        program = program_of_model(subject, tuple(map(arguments_of, given)), compiler)
        inspect = subject._need_built().backend.inspect_model
    picture = inspect(program if changes else replace(program, variations={}))
    graphs = {graph.name: graph for graph in picture.graphs}
    assert len(graphs) == len(picture.graphs)
    check(graphs, {part.path for part in program.plan.walk()})
    json.dumps([dict(picture.facts), [dict(node.details) for graph in picture.graphs for node in graph.nodes]])
    return replace(picture, graphs=graphs)


def trainer(model, optimizer="adam", **more):
    """A Trainer with the loss of these networks."""
    return unidl.Trainer(model, loss="cross_entropy", optimizer=optimizer, **more)


def check(graphs, paths):
    """Edges join nodes that are there, holders come before what they hold, layers are layers, and lanes are lanes."""
    for graph in graphs.values():
        order = {node.id: place for place, node in enumerate(graph.nodes)}
        assert len(order) == len(graph.nodes), graph.name
        for edge in graph.edges:
            assert edge.source in order, (graph.name, edge)
            assert edge.target in order, (graph.name, edge)
        for node in graph.nodes:
            assert not node.parent or order[node.parent] < order[node.id], (graph.name, node)
            assert node.layer in paths | {""}, (graph.name, node)
            assert node.lane in (*LANES, ""), (graph.name, node)


def of(graph, layer):
    """How many nodes of each op a layer has."""
    return Counter(node.op for node in graph.nodes if node.layer == layer)


def in_lane(graph, lane):
    """How many nodes of each op a lane has."""
    return Counter(node.op for node in graph.nodes if node.lane == lane)


def effects(seen):
    """Change -> what it meant."""
    return {change.change: change.effect for change in seen.changes}

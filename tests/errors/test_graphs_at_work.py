"""A wrong number or length that only a graph at work can see is the same typed error on every backend, and names the user's line."""

import inspect

import numpy as np
import pytest

import unidl
from unidl import layers, ops
from unidl.errors import DivisionByZeroError, IndexOutOfRangeError, ShapeError

TABLE = np.arange(12, dtype="float32").reshape(4, 3)


def look_up(x):
    return ops.sum(ops.take(ops.tensor(TABLE), ops.cast(x, "int64"), axis=0), axis=-1)


def drop(x):
    return ops.squeeze(ops.reshape(x, (-1, ops.shape(x)[0], 1)), 1)


def divide(x):
    return ops.cast(ops.floor_divide(ops.full_like(ops.cast(x, "int64"), 7), ops.cast(x, "int64")), "float32")


class Wrong(unidl.Model):
    def __init__(self, wrong):
        self.wrong, self.out = wrong, layers.Dense(1)

    def forward(self, x):
        return self.out(self.wrong(x))


WRONG = {
    "index": (look_up, np.full((2, 2), 4.0, "float32"), IndexOutOfRangeError),
    "negative index": (look_up, np.full((2, 2), -1.0, "float32"), IndexOutOfRangeError),
    "quotient": (divide, np.zeros((2, 2), "float32"), DivisionByZeroError),
    "axis": (drop, np.zeros((2, 2), "float32"), ShapeError),
}


# where the type is right and no line is named, and why
NO_LINE = {
    ("keras", way): "a functional Keras model is played from its graph, which keeps no lines of the forward"
    for way in ("call", "predict", "step", "fit")
}


@pytest.mark.parametrize(("wrong", "x", "kind"), WRONG.values(), ids=WRONG)
def test_the_same_wrong_call_is_the_same_error_wherever_it_runs(wrong, x, kind, backend):
    lines, first = inspect.getsourcelines(wrong)
    here = range(first, first + len(lines))
    model = Wrong(wrong)
    model.build(unidl.Input((2,)), backend=backend)
    trainer = unidl.Trainer(model, loss="mse", optimizer="sgd")
    in_a_loss = unidl.Trainer(
        unidl.Sequential([layers.Dense(2)]).build((2,), backend=backend),
        loss=lambda targets, predictions: ops.mean(ops.square(wrong(targets))),
    )
    y = np.zeros((len(x), 1), "float32")
    with unidl.using(backend):
        ways = {
            "eager": lambda: wrong(ops.tensor(x)),
            "call": lambda: model(x),
            "predict": lambda: model.predict(x),
            "step": lambda: trainer.step((x, y)),
            "fit": lambda: trainer.fit(x, y, batch_size=2, progress=False),
            "loss": lambda: in_a_loss.fit(x, x, batch_size=2, progress=False),
        }
        for name, way in ways.items():
            with pytest.raises(kind) as caught:
                way()
            entered = {entry.lineno + 1 for entry in caught.traceback if entry.path.name == "test_graphs_at_work.py"}
            text = str(caught.value)
            named = any(f"test_graphs_at_work.py:{line}, in {wrong.__name__}" in text for line in here)
            assert (backend, name) in NO_LINE or named or entered & set(here), f"{name}: {text}"

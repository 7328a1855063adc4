"""Data as it enters a Trainer: what is no data, batches that change, declared inputs."""

import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, data, layers, ops
from unidl.errors import ArgumentError, DataError, ShapeError, UnidlError
from unidl.optimizers import SGD

RNG = np.random.default_rng(0)
X = RNG.normal(size=(12, 3)).astype("float32")
Y = RNG.integers(0, 4, 12)
QUIET = {"progress": False}


def trainer(backend):
    model = Sequential([layers.Dense(4)]).build((3,), backend=backend)
    return unidl.Trainer(model, loss="cross_entropy", optimizer=SGD(0.0))


class Own(unidl.Trainer):
    def training_step(self, batch):
        x, y = batch
        return self.minimize(lambda: ops.mean(ops.square(self.model(x))) + ops.mean(ops.cast(y, "float32")))


class Examples:
    """As a torch Dataset, or a Keras PyDataset: items by number, and no iterator."""

    def __init__(self, batch=None):
        self.batch = batch
        self.asked = 0

    def __len__(self):
        return 12

    def __getitem__(self, i):
        self.asked += 1
        if i >= 12:
            raise IndexError
        return X[i], Y[i]


OBJECTS = {
    "a dataset": Examples,
    "a set": lambda: {1, 2},
    "text": lambda: "abc",
    "nothing": lambda: None,
    "batches of different structures": lambda: [(X[:4], Y[:4]), [X[4:7], Y[4:7]]],
    "functions of other arguments": lambda: lambda number: iter([(X, Y)]),
    "rows of different lengths": lambda: np.array([X[0], X[1][:2]], dtype=object),
    "numbers": lambda: [[1.0, 2.0], [3.0]],
}


@pytest.mark.parametrize("name", OBJECTS)
def test_what_is_no_data(name, backend):
    t = trainer(backend)
    for enter in (
        lambda given: t.fit(given, **QUIET),
        lambda given: t.fit(given, Y, **QUIET),
        lambda given: t.evaluate(given),
        lambda given: t.evaluate(given, Y),
        lambda given: t.fit(X, Y, validation_data=(given, Y), **QUIET),
    ):
        given = OBJECTS[name]()
        with pytest.raises(UnidlError):
            enter(given)
        assert not isinstance(given, Examples) or not given.asked  # nobody reads a whole dataset to say so


# what the second batch is
LATER = {
    "no targets": X[4:8],
    "a dict": ({"a": X[4:8]}, Y[4:8]),
    "another width": (X[4:8, :2], Y[4:8]),
    "another rank": (X[4:8, 0], Y[4:8]),
    "no example": (X[:0], Y[:0]),
    "different lengths": (X[4:8], Y[4:7]),
    "text": (np.array(["a"] * 4), Y[4:8]),
    "nothing": None,
    "floats for labels": (X[4:8], Y[4:8].astype("float32")),
    "labels with a last axis": (X[4:8], Y[4:8, None]),
}


@pytest.mark.parametrize("name", LATER)
def test_a_later_batch_of_another_kind(name, backend):
    stream = data.Stream([(X[:4], Y[:4]), LATER[name]])
    own = Own(Sequential([layers.Dense(4)]).build((3,), backend=backend), optimizer=SGD(0.0))
    for enter in (
        lambda: trainer(backend).fit(stream, **QUIET),
        lambda: trainer(backend).evaluate(stream),
        lambda: trainer(backend).fit(X, Y, validation_data=stream, **QUIET),
        lambda: own.fit(stream, **QUIET),
    ):
        with pytest.raises(UnidlError):
            enter()


def test_batches_of_other_integers_and_floats_are_cast(backend):
    stream = data.Stream([(X[:4], Y[:4]), (X[4:8].astype("float64"), Y[4:8].astype("uint8"))])
    expected = trainer(backend).fit(X[:8], Y[:8], batch_size=4, shuffle=False, **QUIET).step_loss
    np.testing.assert_array_equal(trainer(backend).fit(stream, **QUIET).step_loss, expected)


def test_a_stream_shorter_than_its_steps(backend):
    batches = [(X[:4], Y[:4])] * 3
    with pytest.raises(DataError, match=r"ended after 3 batches of epoch 1, and has steps=5"):
        trainer(backend).fit(data.Stream(batches, steps=5), **QUIET)
    with pytest.raises(DataError, match="steps=5"):
        trainer(backend).evaluate(data.Stream(batches, steps=5))
    for steps in (1, 3):
        assert len(trainer(backend).fit(data.Stream(batches, steps=steps), **QUIET).step_loss) == steps
    for steps in (0, -1, 2.5, "a", True):
        with pytest.raises(ArgumentError, match="steps"):
            data.Stream(batches, steps=steps)


def test_declared_inputs_stay_as_free_as_they_are(backend):
    """Whatever comes first: a Trainer's data, a call, predict, inspect."""
    series = RNG.normal(size=(4, 5, 3)).astype("float32")

    def model():
        x = Input((None, 3))
        return Model(x, layers.Dense(2)(x))

    fitted = unidl.Trainer(model(), loss="mse", backend=backend)
    for length in (5, 2, 3):
        fitted.fit(series[:, :length], np.zeros((4, length, 2), "float32"), **QUIET)
    assert fitted.predict(series[:, :4]).shape == (4, 4, 2)
    with unidl.using(backend):
        called, predicted, sequential = model(), model(), Sequential([Input((None, 3)), layers.Dense(2)])
        for length in (5, 2):
            assert tuple(called(series[:, :length]).shape) == (4, length, 2)
            assert predicted.predict(series[:, :length]).shape == (4, length, 2)
            assert tuple(sequential(series[:, :length]).shape) == (4, length, 2)
    with pytest.raises(ShapeError, match="input 1"):
        unidl.Trainer(model(), loss="mse", backend=backend).fit(series[:, :, :2], np.zeros((4, 5, 2)), **QUIET)
    words = Input((5,), dtype="int64")
    embedded = Model(words, layers.Dense(2)(layers.Flatten()(layers.Embedding(7, 2)(words))))
    t = unidl.Trainer(embedded, loss="mse", backend=backend)
    assert t.fit(RNG.integers(0, 7, (4, 5)).astype("uint8"), np.zeros((4, 2)), **QUIET).stopped is None

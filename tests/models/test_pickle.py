"""A built model goes through pickle with its weights, to this process and to a worker that was spawned."""

import copy
import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor

import cloudpickle
import numpy as np
import pytest

import unidl
from unidl import Input, Model, Sequential, layers, ops, optimizers
from unidl.errors import BackendUnavailableError, NotSerializableError

X = np.random.default_rng(0).normal(size=(8, 6)).astype("float32")


class Net(Model):
    def __init__(self, units):
        self.blocks = [layers.Dense(units, activation="relu"), layers.BatchNormalization()]
        self.head = {"out": layers.Dense(2)}

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.head["out"](x)


class WithOwnState(Net):
    def __getstate__(self):
        return {**self.__dict__, "said": True}

    def __setstate__(self, state):
        self.__dict__.update(state)
        self.__dict__["loaded"] = True


def functional():
    x = Input((6,))
    shared = layers.Dense(6, activation="tanh")
    return Model(x, layers.Dense(2)(shared(shared(x)) + ops.sin(x)))


MODELS = {
    "sequential": lambda: Sequential([layers.Dense(4), layers.Dropout(0.5), layers.Dense(2)]),
    "functional": functional,
    "subclassed": lambda: Net(4),
    "nested": lambda: Sequential([Sequential([Net(3), layers.Dense(4)], name="body"), layers.Dense(2)]),
    "own state": lambda: WithOwnState(4),
}


def trained(make, backend):
    m = make().build((6,), backend=backend, seed=3)
    unidl.Trainer(m, "mse", optimizers.SGD(0.1)).fit(X, X[:, :2], progress=False)
    return m


def same(a, b):
    mine, theirs = a.weights(), b.weights()
    return list(mine) == list(theirs) and all(np.array_equal(mine[p], theirs[p]) for p in mine)


@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_through_pickle_and_back(make, backend):
    m = trained(make, backend)
    for dump, load in ((pickle.dumps, pickle.loads), (cloudpickle.dumps, pickle.loads)):
        twin = load(dump(m))
        assert (twin.is_built, twin.backend, twin.precision) == (True, backend, "float32")
        assert same(twin, m)
        np.testing.assert_array_equal(twin.predict(X), m.predict(X))
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert same(pickle.loads(pickle.dumps(m, protocol)), m)
    again = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(m))))
    assert same(again, m)
    unidl.Trainer(again, "mse").fit(X, X[:, :2], progress=False)
    assert not same(again, m)
    assert same(copy.deepcopy(twin), m)
    if isinstance(m, WithOwnState):
        assert twin.said
        assert twin.loaded


def test_a_long_graph_is_pickled_without_recursion():
    x = y = Input((2,))
    for _ in range(2000):
        y = ops.tanh(y)
    m = Model(x, y).build(backend="torch")
    twin = pickle.loads(pickle.dumps(m))
    np.testing.assert_array_equal(twin.predict(X[:, :2]), m.predict(X[:, :2]))
    twin.copy()


def test_a_model_inside_takes_its_weights_and_stays_shared(backend):
    m = trained(MODELS["nested"], backend)
    body = m.layers["body"]
    alone = pickle.loads(pickle.dumps(body))
    assert same(alone, body)
    np.testing.assert_array_equal(alone.predict(X), body.predict(X))
    held = pickle.loads(pickle.dumps({"body": body, "whole": m}))
    assert held["whole"].layers["body"] is held["body"]
    held["body"].set_weights({path: 0 * value for path, value in held["body"].weights().items()})
    assert all(not v.any() for p, v in held["whole"].weights().items() if p.startswith("body/"))
    part = pickle.loads(pickle.dumps(m)).layers["body/net/blocks/0"]
    around = Sequential([part, layers.Dense(1)]).build((6,), backend=backend)
    np.testing.assert_array_equal(around.weights()["dense/kernel"], m.weights()["body/net/blocks/0/kernel"])


def test_models_that_share_a_layer_share_it_afterwards(backend):
    shared = layers.Dense(6, name="shared")
    a, b = (Sequential([shared, layers.Dense(2)]).build((6,), backend=backend, seed=s) for s in (1, 2))
    c, d = pickle.loads(pickle.dumps((a, b)))
    assert same(c, a)
    unidl.Trainer(c, "mse").fit(X, X[:, :2], progress=False)  # before d is used for the first time
    np.testing.assert_array_equal(c.weights()["shared/kernel"], d.weights()["shared/kernel"])
    assert not same(c, a)
    np.testing.assert_array_equal(d.weights()["dense/kernel"], b.weights()["dense/kernel"])


def test_what_else_belongs_to_a_build_goes_along(backend):
    m = MODELS["sequential"]().build((6,), backend=backend, precision="float64", random="portable")
    m.freeze("dense")
    twin = pickle.loads(pickle.dumps(m))
    assert twin.precision == "float64"
    assert list(twin.trainable_slots()) == list(m.trainable_slots())
    np.testing.assert_array_equal(unidl.to_numpy(twin(X, training=True)), unidl.to_numpy(m(X, training=True)))


def test_a_description_is_pickled_as_one(backend):
    fresh = pickle.loads(pickle.dumps(MODELS["nested"]()))
    assert not fresh.is_built
    fresh.build((6,), backend=backend)
    m = MODELS["sequential"]().build((6,), backend=backend)
    layer = pickle.loads(pickle.dumps(m.layers["dense"]))  # a layer has no weights of its own
    with pytest.warns(UserWarning, match="was pickled alone, and a layer's pickle is its description alone"):
        Sequential([layer]).build((6,), backend=backend)
    with pytest.raises(NotSerializableError, match="A Trainer cannot be pickled"):
        pickle.dumps(unidl.Trainer(m, "mse"))


def test_where_the_backend_is_missing_the_first_use_says_so(monkeypatch):
    m = trained(MODELS["nested"], "torch")
    twin = pickle.loads(pickle.dumps(m))
    from unidl.backends import registry

    def missing(name):
        raise BackendUnavailableError(f"no {name} here")

    with monkeypatch.context() as patched:
        patched.setattr(registry, "load", missing)
        for _ in range(2):
            with pytest.raises(BackendUnavailableError, match="no torch here"):
                twin.weights()
        assert twin.is_built
    assert same(twin, m)


def predicted(model, x):
    return model.predict(x)


def test_a_spawned_worker_gets_the_weights(backend):
    m = trained(MODELS["subclassed"], backend)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        there = pool.submit(predicted, m, X).result(timeout=600)
    np.testing.assert_allclose(there, m.predict(X), rtol=1e-6)

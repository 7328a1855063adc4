"""One built model, many threads: each gets what it would get alone, to the bit."""

import itertools
import time

import numpy as np
import pytest

import unidl
from tests.concurrency.threads import SECONDS, THREADS, together
from unidl import layers, ops


class Gate(unidl.Layer):
    """A definition: it asks for its mode, keeps a state, and reads a weight."""

    def setup(self, shape):
        self.add_weight("gain", (shape[-1],), initializer="ones")
        self.add_weight("seen", (shape[-1],), initializer="zeros", trainable=False)

    def forward(self, x):
        if self.training:
            self.update("seen", self.seen + 1.0)
            return x * self.gain * 3.0
        return x * self.gain + self.seen


@unidl.register
class Branching(unidl.Layer):
    """A forward that no single graph says."""

    def forward(self, x):
        if ops.sum(x) > 0.0:
            return x * 2.0
        return x - 1.0


def _model(kind, backend):
    inner = {
        "sequential": [
            layers.Dense(16, activation="relu"),
            layers.Dropout(0.5),
            layers.BatchNormalization(),
            layers.Dense(2),
        ],
        "definition": [layers.Dense(4), Gate(), layers.LayerNormalization()],
        "branching": [layers.Dense(4), Branching(), layers.BatchNormalization()],
    }[kind]
    return unidl.Sequential(inner).build((4,), backend=backend)


def _inputs():
    rng = np.random.default_rng(0)
    return [rng.normal(size=(n % 40 + 1, 4)).astype("float32") for n in range(4 * THREADS)]


def _rounds():
    """Once; in the long form until the time is over."""
    until = time.monotonic() + SECONDS
    yield 0
    yield from itertools.takewhile(lambda _: time.monotonic() < until, itertools.count(1))


CALLS = {
    "predict": lambda m, x: m.predict(x),
    "predict in batches": lambda m, x: m.predict(x, batch_size=3),
    "call": lambda m, x: unidl.to_numpy(m(x)),
}


@pytest.mark.parametrize("how", CALLS)
@pytest.mark.parametrize("kind", ["sequential", "definition", "branching"])
def test_calls_are_what_they_are_alone(kind, how, backend):
    m, xs, call = _model(kind, backend), _inputs(), CALLS[how]
    alone = [call(m, x) for x in xs]
    before = m.weights()
    for _ in _rounds():
        found = together(*[lambda part=part: [call(m, x) for x in xs[part::THREADS]] for part in range(THREADS)])
        for part in range(THREADS):
            for mine, theirs in zip(found[part], alone[part::THREADS], strict=True):
                np.testing.assert_array_equal(mine, theirs)
    for path, value in m.weights().items():
        np.testing.assert_array_equal(value, before[path])


def test_everything_that_reads_at_once(backend, tmp_path):
    m = _model("sequential", backend)
    t = unidl.Trainer(m, loss="cross_entropy", metrics=["accuracy"])
    x = _inputs()[39]
    y = np.arange(len(x)) % 2

    def saved(name):
        m.save(tmp_path / name)
        return unidl.load(tmp_path / name, backend=backend).weights()

    jobs = {
        "predict": lambda name: m.predict(x),
        "call": lambda name: unidl.to_numpy(m(x)),
        "evaluate": lambda name: t.evaluate(x, y, batch_size=7),
        "weights": lambda name: m.weights(),
        "source": lambda name: unidl.source(m, backend),
        "lowering": lambda name: m.lowering(),
        "summary": lambda name: m.__rich__().text(),
        "outputs_at": lambda name: {k: unidl.to_numpy(v) for k, v in m.outputs_at("dense*")(x).items()},
        "copy": lambda name: m.copy().predict(x),
        "save": saved,
        "state": lambda name: t.state()["weights"],
    }
    alone = {what: job(f"alone-{what}.unidl") for what, job in jobs.items()}
    for turn in _rounds():
        order = list(itertools.islice(itertools.cycle(jobs), 2 * THREADS))
        found = together(
            *[lambda what=what, file=f"{turn}-{i}.unidl": jobs[what](file) for i, what in enumerate(order)]
        )
        for what, result in zip(order, found, strict=True):
            np.testing.assert_equal(result, alone[what], err_msg=what)


def test_first_calls_build_once(backend):
    m = unidl.Sequential([layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(2)])
    x = np.ones((3, 4), "float32")
    with unidl.using(backend):
        alone = unidl.to_numpy(
            unidl.Sequential([layers.Dense(8, activation="relu"), layers.BatchNormalization(), layers.Dense(2)])(x)
        )

    def call():
        with unidl.using(backend):
            return m.predict(x), m.native

    found = together(*[call] * THREADS)
    assert len({id(native) for _, native in found}) == 1
    for y, _ in found:
        np.testing.assert_array_equal(y, alone)


def test_of_two_builds_one_is_refused(backend):
    m = unidl.Sequential([layers.Dense(2)])

    def build():
        try:
            m.build((4,), backend=backend)
        except unidl.errors.ArgumentError as error:
            return str(error)
        return "built"

    found = together(*[build] * 4)
    assert found.count("built") == 1
    assert all("is built already" in text for text in found if text != "built")


def test_models_that_share_a_layer_are_built_with_one(backend):
    shared = layers.Dense(3)
    models = [unidl.Sequential([shared, layers.Dense(2)]) for _ in range(4)]
    x = np.ones((2, 4), "float32")
    together(*[lambda m=m: m.build((4,), backend=backend) for m in models])
    first = models[0].weights()
    for m in models[1:]:
        np.testing.assert_array_equal(m.weights()["dense/kernel"], first["dense/kernel"])
    models[0].set_weights({"dense/kernel": np.ones((4, 3))}, partial=True)
    for m in models:
        np.testing.assert_array_equal(m.weights()["dense/kernel"], np.ones((4, 3)))
        m.predict(x)


def test_calls_in_training_keep_each_other_out(backend):
    """Their moving averages are those of one call after the other, whatever the order."""
    m = unidl.Sequential([Gate(), layers.BatchNormalization()]).build((4,), backend=backend)
    x = np.ones((8, 4), "float32")
    together(*[lambda: [m(x, training=True) for _ in range(4)]] * 8, *[lambda: [m.predict(x) for _ in range(8)]] * 4)
    np.testing.assert_array_equal(m.weights()["gate/seen"], np.full(4, 32.0))


def test_an_inference_that_counts_its_draws_has_the_model_alone(backend):
    class Noisy(unidl.Layer):
        def forward(self, x):
            return x * 0.0 + ops.random.uniform(like=x)

    m = unidl.Sequential([Noisy()]).build((4,), backend=backend, random="portable")
    x = np.ones((2, 4), "float32")
    alone = [m.predict(x) for _ in range(24)]
    again = unidl.Sequential([Noisy()]).build((4,), backend=backend, random="portable")
    found = list(itertools.chain(*together(*[lambda: [again.predict(x) for _ in range(3)]] * 8)))
    assert sorted(y.tobytes() for y in found) == sorted(
        y.tobytes() for y in alone
    )  # each draw once, in whichever order


def test_set_weights_is_seen_whole(backend):
    m = unidl.Sequential([layers.Dense(8, use_bias=False), layers.Dense(8, use_bias=False)]).build(
        (8,), backend=backend
    )
    other = m.copy()
    for one, factor in ((m, 1.0), (other, 2.0)):
        one.set_weights({path: np.eye(8) * factor for path in one.weights()})
    x = np.eye(8, dtype="float32")

    def swap():
        for i in range(20):
            m.set_weights({path: np.eye(8) * (1.0 + i % 2) for path in ("dense/kernel", "dense_2/kernel")})
            m.copy_from(other)

    def look():
        return {float(m.predict(x)[0, 0]) for _ in range(60)}

    found = together(swap, *[look] * 7)
    assert set().union(*found[1:]) <= {1.0, 4.0}, "half of the weights were seen"


def test_two_that_copy_from_each_other(backend):
    a = unidl.Sequential([layers.Dense(4)]).build((4,), backend=backend)
    b = a.copy()
    together(lambda: [a.copy_from(b) for _ in range(30)], lambda: [b.copy_from(a) for _ in range(30)])

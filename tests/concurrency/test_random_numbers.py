"""Runs in parallel threads draw what each would draw alone, whatever else draws meanwhile, and leave the process' generators alone."""

import threading

import numpy as np
import pytest

import unidl
from tests.concurrency.threads import together
from unidl import callbacks, layers, ops, optimizers
from unidl.backends import registry

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 8)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")


class Noise(unidl.Layer):
    """Draws in training and in inference."""

    def forward(self, x):
        return x + 0.1 * ops.random.normal(like=x)


class WithNoise(unidl.Trainer):
    """Draws in its own step."""

    def training_step(self, batch):
        x, y = batch
        noisy = x + 0.1 * ops.random.uniform(like=x)
        return self.minimize(lambda: self.loss(y, self.model(noisy)))


KINDS = {
    "dropout": (unidl.Trainer, lambda: [layers.Dense(16, activation="relu"), layers.Dropout(0.5)]),
    "noise": (unidl.Trainer, lambda: [Noise(), layers.Dense(16), layers.BatchNormalization(), layers.Dropout(0.2)]),
    "own step": (WithNoise, lambda: [layers.Dense(16), layers.Dropout(0.3)]),
    "attention": (  # whose kernel draws by itself on torch
        unidl.Trainer,
        lambda: [layers.Reshape((2, 4)), layers.MultiHeadAttention(2, 2, dropout=0.3), layers.Flatten()],
    ),
}


def _model(kind):
    return unidl.Sequential([*KINDS[kind][1](), layers.Dense(2)])


def _trainer(kind, backend, seed=1):
    optimizer = optimizers.Adam(1e-2)
    return KINDS[kind][0](_model(kind), loss="cross_entropy", optimizer=optimizer, seed=seed, backend=backend)


def _fit(trainer):
    trainer.fit(X, Y, epochs=3, batch_size=16, validation_data=(X, Y), progress=False)
    return trainer.model.weights()


def _steps(trainer):
    for first in range(0, 96, 16):
        trainer.step((X[first : first + 16], Y[first : first + 16]))
    return trainer.model.weights()


def _equal(weights, others):
    assert weights.keys() == others.keys()
    for path, value in weights.items():
        np.testing.assert_array_equal(value, others[path])


@pytest.mark.parametrize(("kind", "way"), [*[(kind, _fit) for kind in KINDS], ("dropout", _steps)])
def test_each_run_is_what_it_is_alone(kind, way, backend):
    alone = [way(_trainer(kind, backend, seed)) for seed in range(2)]
    trainers = [_trainer(kind, backend, seed % 2) for seed in range(4)]
    for seed, weights in enumerate(together(*[lambda t=t: way(t) for t in trainers])):
        _equal(weights, alone[seed % 2])


def test_what_others_draw_changes_nothing_of_a_run(backend):
    """Calls in training and in inference of other models, and ops outside any: they draw from the process' generator."""
    alone, trainer, done = _fit(_trainer("noise", backend)), _trainer("noise", backend), threading.Event()
    others = [_model("noise").build((8,), backend=backend) for _ in range(3)]

    def fit():
        try:
            return _fit(trainer)
        finally:
            done.set()

    def draw(model):
        def go():
            with unidl.using(backend):
                while not done.is_set():
                    model(X, training=True)
                    model.predict(X)
                    ops.random.normal((3,))

        return go

    weights, *_ = together(fit, *[draw(model) for model in others])
    _equal(weights, alone)


def test_a_run_inside_a_callback_of_another(backend):
    alone, inner = _fit(_trainer("dropout", backend)), _fit(_trainer("noise", backend))
    found = []

    class Inside(callbacks.Callback):
        every_steps = 5

        def on_steps(self, trainer, numbers):
            found.append(_fit(_trainer("noise", backend)))

    trainer = _trainer("dropout", backend)
    trainer.fit(X, Y, epochs=3, batch_size=16, validation_data=(X, Y), progress=False, callbacks=[Inside()])
    _equal(trainer.model.weights(), alone)
    for weights in found:
        _equal(weights, inner)


def test_what_a_callback_draws_belongs_to_the_run(backend):
    """As ever: it can be repeated, and the process' own generator knows nothing of it."""

    def run():
        drawn = []

        class Draw(callbacks.Callback):
            def on_epoch_end(self, trainer, numbers):
                drawn.append(unidl.to_numpy(ops.random.normal((3,))))
                drawn.append(trainer.model.predict(X[:2]))
                drawn.append(unidl.to_numpy(trainer.model(X[:2], training=True)))

        with unidl.using(backend):
            trainer = _trainer("noise", backend)
            trainer.fit(X, Y, epochs=2, progress=False, callbacks=[Draw()])
        return drawn

    for mine, theirs in zip(run(), run(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_graphs_of_a_model_draw_where_they_are_called(backend):
    """What was traced inside a run does not draw from its generator ever after."""
    trainer = _trainer("noise", backend)
    m = trainer.model.build((8,), backend=backend)

    class Call(callbacks.Callback):
        def on_epoch_end(self, trainer, numbers):
            m.predict(X[:2])
            m(X[:2], training=True)

    def drawn():
        b = registry.load(backend)
        with b.random_state(5, m.device):
            return m.predict(X[:2]), unidl.to_numpy(m(X[:2], training=True))

    weights = m.weights()
    first = drawn()
    trainer.fit(X, Y, progress=False, callbacks=[Call()])
    m.set_weights(weights)
    for mine, theirs in zip(drawn(), first, strict=True):
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("backend", ["torch"])
def test_the_process_generator_is_as_before(backend):
    import torch  # the framework that has one

    torch.manual_seed(3)
    before = torch.get_rng_state()
    together(*[lambda: _fit(_trainer("dropout", backend))] * 4)
    assert torch.equal(torch.get_rng_state(), before)
    _steps(_trainer("dropout", backend))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("backend", ["torch"])
def test_a_run_that_is_alone_draws_as_torch_does(backend):
    """torch's own functions in a callback or a step draw from the run's states."""
    import torch

    def run():
        drawn = []

        class Draw(callbacks.Callback):
            every_steps = 2

            def on_steps(self, trainer, numbers):
                drawn.append(torch.rand(3))

        _trainer("dropout", backend).fit(X, Y, epochs=1, batch_size=16, progress=False, callbacks=[Draw()])
        return torch.stack(drawn)

    first = run()
    torch.rand(5)
    assert torch.equal(run(), first)


@pytest.mark.parametrize("backend", ["torch"])
def test_turns_are_first_come_first_served(backend):
    from unidl.backends.torch.generator import Turns

    turns, order = Turns(), []

    def work(name):
        for _ in range(5):
            turns.take()
            turns.take()
            order.append(name)
            turns.give_back()
            turns.give_back()

    together(lambda: work("a"), lambda: work("b"), lambda: work("c"))
    assert sorted(order) == sorted("abc" * 5)
    assert not turns.owner

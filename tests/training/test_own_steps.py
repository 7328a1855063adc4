"""What a training step of one's own may return, and what is refused."""

import numpy as np
import pytest

import unidl
from unidl import callbacks, layers, ops, optimizers
from unidl.errors import ArgumentError, ShapeError

X = np.random.default_rng(0).normal(size=(24, 3)).astype("float32")
Y = (X[:, 0] > 0).astype("int64")
QUIET = {"batch_size": 8, "progress": False}


def own(backend, returned, **settings):
    class Own(unidl.Trainer):
        def training_step(self, batch):
            x, y = batch
            loss, logits = self.minimize(lambda: ((p := self.model(x)), (self.loss(y, p), p))[1])
            return returned(self, loss, logits, y)

    model = unidl.Sequential([layers.Dense(2)])
    return Own(model, "cross_entropy", optimizers.SGD(0.1), backend=backend, **settings)


def test_nothing_and_plain_numbers(backend):
    history = own(backend, lambda t, loss, logits, y: None).fit(X, Y, epochs=2, **QUIET)
    assert np.isnan(history.step_loss).all()
    assert list(history.epochs[0]) == ["learning_rate", "seconds"]
    numbers = (
        own(backend, lambda t, loss, logits, y: {"loss": loss, "three": 3, "half": 0.5}).fit(X, Y, **QUIET).epochs[0]
    )
    assert (numbers["three"], numbers["half"]) == (3.0, 0.5)


def test_what_is_no_number(backend):
    with pytest.raises(ShapeError, match=r"A step returned or logged 'logits', which is no single number"):
        own(backend, lambda t, loss, logits, y: {"logits": logits}).fit(X, Y, **QUIET)
    with pytest.raises(ShapeError, match=r"Received: str\nFix: ops\.mean\(loss\)"):
        own(backend, lambda t, loss, logits, y: "done").fit(X, Y, **QUIET)


def test_numbers_that_change_their_names():
    def returned(trainer, loss, logits, y, seen=[]):  # noqa: B006  - a count over steps
        seen.append(1)
        return {"loss": loss, f"step{len(seen)}": loss}

    with pytest.raises(
        ArgumentError, match=r"other numbers than at its first step\.\nExpected: loss, step1\nReceived: loss, step2"
    ):
        own("torch", returned).fit(X, Y, **QUIET)


def test_metrics_are_told_where_the_step_measures(backend):
    def measuring(trainer, loss, logits, y):
        trainer.measure(y, logits)
        return loss

    silent = own(backend, lambda t, loss, logits, y: loss, metrics=["accuracy"]).fit(X, Y, **QUIET)
    assert "accuracy" not in silent.epochs[0]
    told = own(backend, measuring, metrics=["accuracy"]).fit(X, Y, **QUIET)
    assert 0 < told["accuracy"][0] <= 1


def test_a_part_beside_the_model_is_refused(backend):
    beside = unidl.Sequential([layers.Dense(1)]).build((3,), backend=backend)

    class Own(unidl.Trainer):
        def training_step(self, batch):
            return self.minimize(lambda: ops.mean(beside(batch)), part=beside)

    t = Own(unidl.Sequential([layers.Dense(1)]), optimizer="sgd", backend=backend)
    with pytest.raises(ArgumentError, match="that is no part of 'sequential'"):
        t.fit(X, **QUIET)


@pytest.mark.parametrize("every", [-1, 0, 2.5, "5", True])
def test_a_callback_that_wants_control_at_no_step(every):
    class Odd(callbacks.Callback):
        every_steps = every

    with pytest.raises(ArgumentError, match="Odd: invalid value for every_steps"):
        own("torch", lambda t, loss, logits, y: loss).fit(X, Y, callbacks=[Odd()], **QUIET)


@pytest.mark.parametrize("seed", [-1, 2**63, 1.5, "a", True])
def test_a_seed_that_is_none(seed):
    with pytest.raises(ArgumentError, match="Trainer: invalid value for seed"):
        own("torch", None, seed=seed)


@pytest.mark.parametrize("name", ["tensorflow"])
def test_more_steps_than_a_compiled_program_takes_at_once(name):
    x = np.zeros((2100, 2), "float32")
    t = unidl.Trainer(unidl.Sequential([layers.Dense(1)]), "mse", optimizers.SGD(0.1), jit=True, backend=name)
    history = t.fit(x, x[:, :1], epochs=2, batch_size=1, progress=False)
    assert len(history.step_loss) == 4200
    assert t.evaluate(x, x[:, :1], batch_size=1)["loss"] < 1e-6
